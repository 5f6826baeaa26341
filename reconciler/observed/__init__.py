"""The observed side: what OneFile holds, read whole or not at all, and readings that were kept."""
