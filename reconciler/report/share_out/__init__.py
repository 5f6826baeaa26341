"""Reports of share-out."""
