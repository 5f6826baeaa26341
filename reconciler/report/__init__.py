"""Reports: pure functions from results to text, one module per subject and format."""
