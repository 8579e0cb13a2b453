"""The parts of the suite ``hdl``: modules to design, and how a design is simulated and judged."""
