"""The `doctor` command's checks: files, token, store, server and the canary."""
