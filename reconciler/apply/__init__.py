"""Carry out a plan: journalled writes, each read back, and recovery of interrupted runs."""
