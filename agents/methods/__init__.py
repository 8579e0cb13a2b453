"""One test-time method a file: ``<name>.py`` has a function ``<name>(decide, **settings)`` that turns one decider into
another."""
