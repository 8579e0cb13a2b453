"""One curriculum a file, found by its file name; ``environments/curricula.py`` says what it must offer."""
