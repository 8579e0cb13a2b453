"""What a Gymnasium environment shows, as text: MiniGrid's view in words, a rendering in letters, or the numbers."""

from __future__ import annotations

import re
from typing import Any

from knowhow.environments import minigrid_text
from knowhow.environments.errors import BadSetting

MOST = 400
"""More numbers than that are a picture, and no text."""

_HIGHLIGHT = re.compile(r"\x1b\[[0-9;]*m(.*?)\x1b\[0m", re.DOTALL)


def is_grid(env: Any) -> bool:
    """Is it one of MiniGrid's, which has a view and a mission?"""
    return hasattr(env.unwrapped, "gen_obs") and hasattr(env.unwrapped, "carrying")


def told(env: Any, observation: Any) -> str:
    """The state as text. Raises: BadSetting for a picture."""
    if is_grid(env):
        return minigrid_text.describe(env.unwrapped)
    drawn = env.render() if env.render_mode == "ansi" else ""
    picture = _HIGHLIGHT.sub(lambda shown: f"[{shown[1]}]", drawn).strip("\n")
    return f"{picture}\nobservation: {_numbers(env, observation)}".strip()


def _numbers(env: Any, observation: Any) -> str:
    import numpy

    if isinstance(observation, dict):
        return ", ".join(f"{name}: {_numbers(env, one)}" for name, one in observation.items())
    if isinstance(observation, tuple):
        return ", ".join(_numbers(env, one) for one in observation)
    if not isinstance(observation, numpy.ndarray):
        return str(observation)
    if observation.size > MOST:
        raise BadSetting(f"{env.spec.id} shows {observation.shape} numbers, a picture; wrap it so that it shows text")
    return numpy.array2string(observation, precision=4, suppress_small=True, separator=", ")
