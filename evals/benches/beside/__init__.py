"""Other people's memories, each driven by one small file that runs where only that one is installed."""
