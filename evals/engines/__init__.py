"""The engines, one a file: see ``evals/engine.py``."""
