"""Single replies, good or bad as their episodes; ``cap``: the most of an episode, 0 for all; ``balanced``: as many bad
as good ones."""

from knowhow.training.judging import judged

__all__ = ["judged"]
