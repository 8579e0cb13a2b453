"""The pages: each handler reads what is asked for, and names the template that shows it."""
