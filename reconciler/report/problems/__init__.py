"""Reports of problems alone."""
