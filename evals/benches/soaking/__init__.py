"""What the soak plays with, and what it looks at."""
