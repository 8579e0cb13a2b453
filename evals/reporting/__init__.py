"""What ``evals/report.py`` is made of: figures, versions and episodes as plain data, and the page that shows them."""
