"""OneFile's API v2.1 as far as it is publicly known, over real HTTP, with a generated centre of invented people."""
