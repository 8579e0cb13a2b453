"""What a lesson is worth: withholding, effects with their intervals, predictions, bounds."""
