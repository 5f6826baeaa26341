"""From a centre that exists, or a table that it keeps, to declared files: factored, named, written."""
