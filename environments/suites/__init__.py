"""One suite a file, found by its file name."""
