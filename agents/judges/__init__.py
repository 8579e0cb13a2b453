"""One kind of judge a file: ``<name>.py`` has a function ``<name>(ask, **settings)`` that makes a ``judge.Judge`` of a
model."""
