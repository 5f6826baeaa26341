"""The declared side: YAML files, checked, resolved to what they ask for on one day."""
