"""One module per command: the only place where the stages meet."""
