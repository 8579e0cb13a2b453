"""Chat models, metering, the episode graph, and test-time methods and searches."""
