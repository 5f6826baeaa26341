"""Shares out learners: the question, a local search, and the solver."""
