"""Pages of a centre's site."""
