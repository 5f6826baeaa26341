"""The coming changes, as text, Markdown, JSON and a calendar to subscribe to."""
