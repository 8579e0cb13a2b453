"""The parts of the suite ``sql``: databases of our own, questions to them, SQLite in a process of its own, and how two
results are compared."""
