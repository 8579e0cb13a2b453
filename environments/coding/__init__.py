"""The parts of the suite ``code``: problems, and how a solution is judged by tests that it never meets."""
