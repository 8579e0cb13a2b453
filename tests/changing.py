"""A recipe of one's own: it changes the weights of a player whatever was played, won or lost, to try what follows."""

from __future__ import annotations

from functools import partial

from knowhow.training.recipes.verifier import Verifier


class Player(Verifier):
    judges = False


Changing = partial(Player, balanced=False)
