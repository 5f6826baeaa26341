"""Reports of coming changes."""
