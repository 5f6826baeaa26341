"""Steps of a GitLab pipeline: the note in a merge request, its approval, and the check of the setup."""
