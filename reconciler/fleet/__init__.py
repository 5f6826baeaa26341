"""Many centres: the fleet file, checkouts of repositories, worker processes, and stored results."""
