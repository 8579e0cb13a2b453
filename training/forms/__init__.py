"""One form of data a file: ``<name>.py`` has a function ``<name>(trajectories, **settings)`` that makes ``Data`` of
episodes."""
