"""Messages of a digest, and how their delivery ended."""
