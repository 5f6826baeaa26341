"""One module per command: the only place where the stages meet, and where plans are saved and loaded."""
