"""Walls for untrusted code, one file each: what starts a Python there, with what limits, and how it is ended."""
