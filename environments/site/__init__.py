"""A small company's web: a shop, an issue tracker and a wiki, served from one SQLite database an episode.

``worlds/`` makes the database of a world; ``shop.py``, ``tracker.py`` and ``wiki.py`` change it, ``pages/`` shows
it, ``server.py`` answers a browser, and ``errands/`` has what there is to do, with its checkers.
"""
