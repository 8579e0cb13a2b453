"""The parts of the conformance kit ``environments/check.py``: what is recorded, and what is asked of it."""
