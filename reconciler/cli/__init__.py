"""The command line: one module per command, with options, output and exit codes."""
