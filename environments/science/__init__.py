"""ScienceWorld: its engine in a process of its own, and its goals, which can be listed without it."""
