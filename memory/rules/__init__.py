"""The parts of a manual: its rules, whose fault a failure was, its outline."""
