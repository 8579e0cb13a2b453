"""What the bench ``poison`` is made of: the injections, the pages that carry them, and a model that believes them."""
