"""Rooms, goals, scenes and the text world of the suite ``household``."""
