"""One format a file: ``<name>.py`` has a function ``<name>(rows)`` that makes a record of each row, or says why it
cannot."""
