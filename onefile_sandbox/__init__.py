"""A stand-in for OneFile's API v2.1 as far as it is publicly known, over real HTTP, with invented people."""
