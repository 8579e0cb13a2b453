"""``knowhow view``: run folders in a browser of this machine, as they are and as they grow."""
