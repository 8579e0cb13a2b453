"""The pages of MiniWoB++ 1.1.0, as its package ships them."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from knowhow.environments.browser.episode import Verdict, View, Visit
from knowhow.environments.errors import MissingExtra
from knowhow.environments.types import ToolCall

BEGIN = """(seed => {
  const style = document.createElement("style");
  style.textContent = "#reward-display, #click-canvas { display: none }";
  document.head.append(style);
  core.EPISODE_MAX_TIME = 1e9;
  Math.seedrandom(String(seed));
  core.startEpisodeReal();
})"""
"""Begins the episode of a seed, without what tells the reward, and with a limit of time that is never reached."""
SIZE = (400, 300)
"""The window in pixels: the pages have 160 by 210, and some of their menus stand out."""

NOTHING = ToolCall("scroll", {"direction": "up"})
"""What does nothing on a page that is at its top."""


@functools.cache
def folder() -> Path:
    """Where the package keeps its pages. Raises: MissingExtra."""
    spec = importlib.util.find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra("the suite miniwob needs MiniWoB++; run: pip install 'knowhow-agents[web]'")
    return Path(spec.submodule_search_locations[0]) / "html"


def visit(kind: str, seed: int, goal: str) -> Visit:
    """The page of a kind, with what a seed puts on it."""
    page = folder() / "miniwob" / f"{kind}.html"
    begin = f"{BEGIN}({seed})"
    return Visit(page.as_uri(), goal, folder=folder(), begin=begin, size=SIZE)


async def judge(view: View, answer: str | None) -> Verdict:
    """The page's own raw reward, from 0 up: it gives -1 for a failure, and less for success that comes late."""
    reward, over = await view.evaluate("[WOB_RAW_REWARD_GLOBAL, WOB_DONE_GLOBAL]")
    return Verdict(min(1.0, max(0.0, float(reward))), over)
