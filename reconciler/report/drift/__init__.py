"""What OneFile moved although the files did not, as text, JSON and metrics; as Markdown in report/markdown."""
