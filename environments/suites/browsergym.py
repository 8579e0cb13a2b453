"""The suite ``browsergym``: any task that BrowserGym has registered, by its id."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from knowhow.environments.browser.chromium import FLAGS
from knowhow.environments.browser.commands import values_in
from knowhow.environments.browser.executable import executable
from knowhow.environments.browsergym_engine import package_of
from knowhow.environments.calls import render_call
from knowhow.environments.discover import at_least, one_of, split_list, unknown
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.shares import split_of
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, Tool, ToolCall
from knowhow.environments.worker import Worker, Workers

ENGINE = Path(__file__).parents[1] / "browsergym_engine.py"

EASY = "miniwob.click-test, miniwob.click-button, miniwob.click-link, miniwob.click-tab, miniwob.enter-text"
CLICKABLE = re.compile(r"^\s*\[(\w+)\] (?:button|link|checkbox|radio|tab|menuitem|option|switch|LabelText)\b", re.M)
FILLABLE = re.compile(r"^\s*\[(\w+)\] (?:textbox|searchbox|spinbutton)\b", re.M)


class Browsergym(Suite):
    """Tasks by their ids, played by BrowserGym in a process of its own for each episode.

    ``ids``: without ``browsergym/``, separated by commas; ``*`` stands for any, as in ``miniwob.click-*``. The part of
    BrowserGym that a benchmark is in (``browsergym-webarena``, say) must be installed, and set up as it asks for.
    ``size``: how many tasks training has, each id in turn with seeds of its own, and validation and test a third of it
    each. ``fixed``: every id is one task, in one split alone, for benchmarks whose tasks are the same with every seed.
    ``actions``: sets of BrowserGym's high-level actions; with ``nav`` an agent may open any page that can be reached,
    files of this machine among them. ``hosts``: what may be reached, separated by commas; by default files alone.
    ``screenshots``: "always" shows models that see the page with every observation.

    The seed of an episode changes nothing. There is no oracle: BrowserGym's own solutions are no calls.

    Raises: asked for tasks, MissingExtra, UnknownName; EngineFailed where a task cannot be begun.
    """

    name = "browsergym"
    description = "Any task that BrowserGym has registered, by its id; by default five kinds of MiniWoB++."
    licence = "Apache-2.0 (browsergym), MIT (miniwob); other benchmarks have their own"
    source = "BrowserGym (arXiv 2412.05467), https://github.com/ServiceNow/BrowserGym at 0.13.3"
    extra = "browsergym"
    outside = True
    max_steps = 15

    def __init__(
        self,
        ids: str = EASY,
        *,
        size: int = 150,
        fixed: bool = False,
        actions: str = "bid, chat, infeas",
        hosts: str = "",
        screenshots: str = "never",
        max_steps: int = 15,
    ) -> None:
        at_least(3, size=size)
        at_least(1, max_steps=max_steps)
        one_of(("never", "always"), screenshots=screenshots)
        self._patterns = split_list(ids)
        if not self._patterns:
            raise BadSetting(f"ids='' names no task; name one, as in ids={EASY.partition(',')[0]!r}")
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 3, "test": size // 3}
        self._fixed = fixed
        self._actions = split_list(actions)
        rules = ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in split_list(hosts))])
        self._flags = [*FLAGS, f"--host-resolver-rules={rules}", *(["--no-sandbox"] if _is_root() else [])]
        self._pictures = screenshots == "always"
        self.max_steps = max_steps

    def tasks(self, split: Split) -> Sequence[Task]:
        if self._fixed:
            return [self._task(id, 0, split) for id in self._ids if split_of(id) == split]
        return Lazy(self._sizes[split], partial(self._seeded, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        id, _, own = task.id.rpartition("/")
        if id not in self._ids or not own.isdecimal():
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        async with _workers().open() as worker:
            game = (id, int(own), self._actions, _browser(), self._flags, self._pictures)
            yield _Browsing(worker, game, _tools(tuple(self._actions)))

    @functools.cached_property
    def _ids(self) -> Sequence[str]:
        """The ids that the patterns stand for. Raises: MissingExtra, UnknownName."""
        known: list[str] = []
        for pattern in self._patterns:
            there = _registered(package_of(pattern))
            found = [id for id in there if fnmatchcase(id, pattern)]
            if not found:
                raise unknown("BrowserGym task", pattern, there)
            known += [id for id in found if id not in known]
        return known

    def _seeded(self, split: Split, index: int) -> Task:
        seed = index // len(self._ids) * len(SPLITS) + SPLITS.index(split)
        return self._task(self._ids[index % len(self._ids)], seed, split)

    def _task(self, id: str, seed: int, split: Split) -> Task:
        # What is asked for is known when the page is there: a browser for every task in a list would be too slow.
        return Task(f"{id}/{seed}", self.name, split, id, "do what the first observation asks for")


class _Browsing(Episode):
    def __init__(self, worker: Worker, game: tuple[Any, ...], tools: Sequence[Tool]) -> None:
        super().__init__(*tools)
        self._worker, self._game = worker, game

    async def begin(self) -> Feedback:
        seen = await self._worker.ask("reset", *self._game)
        self._values = values_in(seen["goal"])
        return self._feedback({**seen, "text": f"Your task: {seen['goal']}\n\n{seen['text']}"})

    async def answer(self, call: ToolCall) -> Feedback:
        given = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
        return self._feedback(await self._worker.ask("step", f"{call.name}({given})"))

    def _feedback(self, seen: Mapping[str, Any]) -> Feedback:
        commands = () if seen["over"] else tuple(dict.fromkeys(self._commands(seen["text"])))
        return Feedback(
            seen["text"], seen["reward"], terminated=seen["over"], commands=commands, images=tuple(seen["images"])
        )

    def _commands(self, page: str) -> list[str]:
        offered = {tool["function"]["name"] for tool in self.tools}
        clicks = [ToolCall("click", {"bid": bid}) for bid in CLICKABLE.findall(page)]
        fills = [
            ToolCall("fill", {"bid": bid, "value": text}) for bid in FILLABLE.findall(page) for text in self._values
        ]
        return [render_call(call) for call in (*clicks, *fills) if call.name in offered]


@functools.cache
def _tools(subsets: Sequence[str]) -> Sequence[Tool]:
    """BrowserGym's high-level actions as tools. Raises: BadSetting for a set that it does not have."""
    from browsergym.core.action.highlevel import ACTION_SUBSETS

    for subset in subsets:
        if subset not in ACTION_SUBSETS:
            raise BadSetting(f"actions={subset!r} is no set of BrowserGym's; it has {', '.join(ACTION_SUBSETS)}")
    return [_tool(action) for action in dict.fromkeys(one for subset in subsets for one in ACTION_SUBSETS[subset])]


def _tool(action: Any) -> Tool:
    parameters = inspect.signature(action).parameters.values()
    schema = {
        "type": "object",
        "properties": {one.name: _schema(one.annotation) for one in parameters},
        "required": [one.name for one in parameters if one.default is inspect.Parameter.empty],
    }
    text = inspect.cleandoc(action.__doc__ or action.__name__)
    return {"type": "function", "function": {"name": action.__name__, "description": text, "parameters": schema}}


def _schema(annotation: Any) -> dict[str, Any]:
    if get_origin(annotation) is Literal:
        return {"type": "string", "enum": list(get_args(annotation))}
    kind = {str: "string", int: "integer", float: "number", bool: "boolean"}.get(annotation)
    return {"type": kind} if kind else {"description": str(annotation)}


def _registered(package: str) -> list[str]:
    _installed()
    import gymnasium

    try:
        importlib.import_module(f"browsergym.{package}")
    except ModuleNotFoundError as error:
        raise MissingExtra(f"no package {error.name}; run: pip install browsergym-{package}") from None
    return sorted(id.removeprefix("browsergym/") for id in gymnasium.registry if id.startswith("browsergym/"))


def _browser() -> str:
    """A browser of the system's, for where Playwright's own is not installed; empty for none."""
    try:
        return executable("")
    except MissingExtra:
        return ""


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


@functools.cache
def _workers() -> Workers:
    """All episodes of this process share the process that theirs are forked from."""
    _installed()
    environ = {}
    found = importlib.util.find_spec("miniwob")
    if found is not None and found.submodule_search_locations and "MINIWOB_URL" not in os.environ:
        pages = Path(next(iter(found.submodule_search_locations))) / "html" / "miniwob"
        environ["MINIWOB_URL"] = f"{pages.as_uri()}/"
    return Workers(ENGINE, label="BrowserGym", environ=environ)


def _installed() -> None:
    if importlib.util.find_spec("browsergym") is None or importlib.util.find_spec("browsergym.core") is None:
        raise MissingExtra("the suite browsergym needs BrowserGym; run: pip install 'knowhow-agents[browsergym]'")
