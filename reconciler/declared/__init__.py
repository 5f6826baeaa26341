"""Declared state: YAML files, validated and resolved for one day."""
