"""The worlds: what the three sites hold before anybody does anything, drawn from a world's number alone."""
