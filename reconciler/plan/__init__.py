"""Decides, purely, what would be written: the comparison, the policies and the limits over it."""
