"""Confidences that are read off an episode afterwards, one a file.

``<name>.py`` has a function ``<name>(episode)`` that gives a number in [0, 1], or None where the episode does not tell.
What a method records by itself needs none.
"""
