"""Parts shared by all reports: words, escaping, truncation, Markdown and terminal output."""
