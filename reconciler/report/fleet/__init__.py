"""Reports of a fleet: one table over all centres, worst first."""
