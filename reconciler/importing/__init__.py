"""New declared files from an existing OneFile centre or from a CSV file."""
