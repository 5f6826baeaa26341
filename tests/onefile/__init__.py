"""The exchange with OneFile, met by small hostile servers."""
