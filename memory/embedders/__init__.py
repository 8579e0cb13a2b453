"""One embedder a file: ``<name>.py`` has a function ``<name>(argument)`` that makes a ``memory.types.Embedder``."""
