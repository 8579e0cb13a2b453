"""Whether the feedback of an episode can be meant: else a suite's mistake would pass for a success or a failure."""

from __future__ import annotations

from math import isfinite

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Feedback


def check_feedback(new: Feedback, earned: float) -> None:
    """``earned``: the sum of the rewards before it. Rewards may be taken back again: what is below 0 in sum is a
    failure, and what is above 1 is a mistake.

    Raises: BadSetting for a reward that is no number or makes the sum more than 1, and for commands that are one text.
    """
    if not isinstance(new.reward, int | float) or not isfinite(new.reward):
        raise BadSetting(f"the suite gives a reward of {new.reward!r}, which is no number; see knowhow check-suite")
    if earned + new.reward > 1 + 1e-6:
        raise BadSetting(
            f"the suite's rewards add up to {earned + new.reward:g}, and may to 1; see knowhow check-suite"
        )
    if isinstance(new.commands, str):
        raise BadSetting(f"the suite gives the commands {new.commands!r:.60}, a text; they are a list of texts")
