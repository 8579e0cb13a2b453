"""One search a file: ``<name>.py`` has a function ``<name>(attempt, ask, **settings)`` that turns one attempt into
another."""
