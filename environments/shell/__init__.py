"""The parts of the suite ``bash``: folders drawn at random, what may be asked of them, and commands to offer."""
