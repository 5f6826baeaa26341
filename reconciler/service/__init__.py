"""The exchange with OneFile: where it is, how often it may be asked, and one request with its answer."""
