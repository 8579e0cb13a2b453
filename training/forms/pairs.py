"""Two replies to the same prompt, the better one first; ``cap``: the most of a task, 0 for all."""

from knowhow.training.pairs import pairs

__all__ = ["pairs"]
