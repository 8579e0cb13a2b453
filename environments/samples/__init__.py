"""Small sets of tasks of our own, under the licence of the project."""
