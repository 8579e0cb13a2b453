"""Skills: functions over an environment's tools, what runs and tests them, and the folder format they travel in."""
