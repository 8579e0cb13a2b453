"""How the journal and its index are kept: rows, snapshots, vectors, exact search, the collection beyond that."""
