"""GitHub commands for workflows: the plan's comment, the check of its approval, the drift issue, the pull request.

Run as `python -I -m reconciler.github`; -I, because a pull request may add a folder with this package's name.
"""
