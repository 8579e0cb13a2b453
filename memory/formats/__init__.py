"""Ways of writing a memory down, one small file each; ``memory/exports.py`` says what a format is."""
