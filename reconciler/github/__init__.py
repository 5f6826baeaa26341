"""What workflows ask of GitHub: the plan's comment, the proof of its approval, the drift issue, the pull request.

Run as `python -P -m reconciler.github`; -P, because a pull request may bring a folder named like this package.
"""
