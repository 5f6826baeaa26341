"""The OneFile client: targets, HTTP, retries, pagination, rate limit, and the wire format."""
