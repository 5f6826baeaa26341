"""Store on a branch of a git repository: text files that are only added to, and a local SQLite cache of them."""
