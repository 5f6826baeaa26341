"""Plans, outcomes and problems as text for people and for tools: functions from values to str, and nothing else."""
