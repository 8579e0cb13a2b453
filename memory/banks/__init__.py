"""One bank a file, found by its file name."""
