"""The observed side: readings of what OneFile holds, complete or not at all, and saved readings."""
