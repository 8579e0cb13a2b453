"""Whether the feedback of an episode can be meant: else a suite's mistake would pass for a success or a failure."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Feedback


def check_feedback(given: Sequence[Feedback]) -> None:
    """Look at what a suite has said so far in an episode, the last of it new. Rewards may be taken back again: what is
    below 0 in sum is a failure, and what is above 1 is a mistake.

    Raises: BadSetting for a reward that is no number, for rewards that add up to more than 1, and for commands that are
    one text.
    """
    total = 0.0
    for one in given:
        if not isinstance(one.reward, int | float) or not isfinite(one.reward):
            raise BadSetting(f"the suite gives a reward of {one.reward!r}, which is no number; see knowhow check-suite")
        total += one.reward
    if total > 1 + 1e-6:
        raise BadSetting(f"the suite's rewards add up to {total:g}, and may to 1; see knowhow check-suite")
    if given and isinstance(given[-1].commands, str):
        raise BadSetting(f"the suite gives the commands {given[-1].commands!r:.60}, a text; they are a list of texts")
