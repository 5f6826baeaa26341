"""What commands share: context, session, lock, git, and files on disk."""
