"""The journal, its index, the banks of learned items, reflection and the evolution loop."""
