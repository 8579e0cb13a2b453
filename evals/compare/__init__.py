"""``knowhow compare``: settings against each other, on the same tasks and seeds, with intervals."""
