"""The directory in text files that administrators and other programs write."""
