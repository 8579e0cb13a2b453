"""Tasks, suites and worlds: the ground floor, which imports nothing else of Knowhow."""
