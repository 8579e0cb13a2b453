"""Whether what is measured was known before: copies between splits, and of test tasks in memory or training data."""
