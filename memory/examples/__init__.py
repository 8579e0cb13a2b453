"""Earlier episodes as examples: what was done, how sure it was, where it is needed."""
