"""Reports of what an apply did."""
