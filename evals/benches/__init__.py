"""Benchmarks: each is a module that prints its figures (``python -m knowhow.evals.benches.<name>``)."""
