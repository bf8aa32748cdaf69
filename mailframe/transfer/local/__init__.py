"""Mail in local files, in forms that other programs read: `maildir` and `mbox`, both as sources and as targets."""
