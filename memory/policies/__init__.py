"""One policy a file, found by its file name: what to recall, and when. Any of them goes with any bank."""
