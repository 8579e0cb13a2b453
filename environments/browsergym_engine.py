"""BrowserGym in a process of its own (see ``environments/worker.py``): its Playwright is the synchronous one.

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

import base64
import importlib
import io
import os
import re
from collections.abc import Sequence
from typing import Any


class Engine:
    """One episode. The browser ends with the process, however that ends."""

    def reset(
        self, id: str, seed: int, actions: Sequence[str], browser: str, flags: Sequence[str], pictures: bool
    ) -> dict[str, Any]:
        """Begin a task: what is seen (``text``, and its ``images`` where ``pictures`` are wanted), the ``goal``, this
        step's ``reward``, whether it is ``over``.

        ``browser`` is played with where Playwright's own is not installed. Raises: whatever the task does.
        """
        import gymnasium
        from browsergym.core.action.highlevel import HighLevelActionSet

        _start_with(browser, flags)
        importlib.import_module(f"browsergym.{package_of(id)}")  # registers its tasks
        actions_of = HighLevelActionSet(subsets=list(actions), multiaction=False)
        options = {"slow_mo": 0, "action_mapping": actions_of.to_python_code, "disable_env_checker": True}
        self._env: Any = gymnasium.make(f"browsergym/{id}", **options)
        self._earned = 0.0
        self._pictures = pictures
        seen, _ = self._env.reset(seed=seed)
        return self._seen(seen, 0.0, over=False)

    def step(self, action: str) -> dict[str, Any]:
        seen, reward, terminated, truncated, _ = self._env.step(action)
        return self._seen(seen, float(reward), over=bool(terminated or truncated))

    def _seen(self, seen: Any, reward: float, *, over: bool) -> dict[str, Any]:
        """The rewards of an episode add up to 1 at most."""
        from browsergym.utils.obs import flatten_axtree_to_str

        earned = min(1.0, max(0.0, self._earned + reward))
        reward, self._earned = earned - self._earned, earned
        page = flatten_axtree_to_str(seen["axtree_object"], extra_properties=seen["extra_element_properties"])
        page = re.sub(r", url='file:[^']*'", "", page)  # where this machine keeps its files is nothing to go by
        wrong = [f"That failed: {seen['last_action_error'].splitlines()[0]}"] if seen["last_action_error"] else []
        told = [one["message"] for one in seen["chat_messages"] if one["role"] == "user"][1:]
        text = "\n".join([*wrong, *(f"The user says: {message}" for message in told), page])
        images = [_picture(seen["screenshot"])] if self._pictures else []
        return {"text": text, "images": images, "goal": seen["goal"], "reward": reward, "over": over}


def _picture(pixels: Any) -> str:
    """A ``data:`` URL of pixels (height, width, 3)."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def prepare() -> None:
    """Load BrowserGym once, before the processes that play are forked from this one. Raises: ImportError."""
    import browsergym.core  # noqa: F401


def package_of(id: str) -> str:
    """The part of BrowserGym that registers a task: of ``miniwob.click-test``, ``miniwob``."""
    name = id.partition(".")[0]
    return "core" if name == "openended" else name


def _start_with(browser: str, flags: Sequence[str]) -> None:
    """Its own options do not reach every browser that it opens, so they are given here; and its chat gets no window,
    which nobody would see."""
    import browsergym.core.env as core
    from playwright.sync_api import BrowserType

    browsers: Any = BrowserType
    launch = browsers.launch

    def start(self: BrowserType, **options: Any) -> Any:
        own = os.path.exists(self.executable_path)  # noqa: PTH110
        path = {} if own or not browser else {"executable_path": browser}
        return launch(self, **{**options, **path, "args": [*(options.get("args") or []), *flags]})

    browsers.launch = start
    core.Chat = Chat


class Chat:
    """What the user, the agent and the task said; BrowserGym's own keeps it on a page of a second browser."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.messages: list[dict[str, Any]] = []

    def add_message(self, role: str, msg: str) -> None:
        if role != "info":
            self.messages.append({"role": role, "timestamp": 0.0, "message": msg})

    def close(self) -> None:
        pass
