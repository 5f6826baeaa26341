"""What the reference pages are made from: the commands, the schemas, the sandbox's switches, the store's tables."""
