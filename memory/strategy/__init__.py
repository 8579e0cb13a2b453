"""Strategies as data, and the record by which one is chosen."""
