"""The suite ``gymnasium``: any environment of Gymnasium that can be told in text; BabyAI's levels by default."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from knowhow.environments import minigrid_text
from knowhow.environments.discover import at_least, unknown
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.gym_actions import Actions, actions_of
from knowhow.environments.gym_text import is_grid, told
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall

LEVELS = "BabyAI-GoToObj-v0, BabyAI-GoToLocal-v0, BabyAI-PickupLoc-v0, BabyAI-OpenDoor-v0, BabyAI-PutNextLocal-v0"


class Gymnasium(Suite):
    """Episodes of one environment or of several in turn, a task for each seed of its own; the splits share no seed.

    ``id``: environments by their ids, separated by commas; ``module:id`` imports the module first, as Gymnasium does.
    ``options`` go to ``gymnasium.make``. ``size`` is how many tasks training has, and validation and test a third of it
    each. ``goal`` tells the agent what it is all about, and ``actions`` names a choice's actions in their order,
    separated by commas: MiniGrid has words for both, elsewhere an action is a number. ``win``: the return from which on
    an episode is a success, by default the environment's own reward threshold, and any above 0 where it has none.

    The reward is 1 at the end of an episode that is a success. The seed of an episode changes nothing. The oracle is
    BabyAI's own bot, for what it can solve. The engine runs in this process: one that takes its time at a step holds up
    the other episodes.

    Raises: asked for tasks, UnknownName for an id that is not registered, MissingExtra, and BadSetting for an
    environment with a picture for an observation or with actions that are neither a choice nor numbers.
    """

    name = "gymnasium"
    description = "Any text-renderable Gymnasium environment by id; by default five levels of BabyAI, told in words."
    licence = "MIT (gymnasium), Apache-2.0 (minigrid)"
    source = "Gymnasium (arXiv 2407.17032), MiniGrid (arXiv 2306.13831), BabyAI (arXiv 1810.08272)"
    extra = "worlds"

    def __init__(
        self,
        id: str = LEVELS,
        *,
        options: Mapping[str, Any] | None = None,
        goal: str = "",
        actions: str = "",
        win: float | None = None,
        size: int = 600,
        max_steps: int = 64,
    ) -> None:
        at_least(3, size=size)
        at_least(1, max_steps=max_steps)
        self._ids = [one.strip() for one in id.split(",") if one.strip()]
        if not self._ids:
            raise BadSetting("id='' names no environment; name one, as in id='BabyAI-GoToObj-v0'")
        self._options = dict(options or {})
        self._goal = goal
        self._actions = [name.strip() for name in actions.split(",") if name.strip()]
        self._win = win
        self._sizes: dict[Split, int] = {"train": size, "validation": size // 3, "test": size // 3}
        self._goals: dict[str, str] = {}
        self.max_steps = max_steps

    def tasks(self, split: Split) -> Sequence[Task]:
        _installed()
        return Lazy(self._sizes[split], partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        with self._begun(task.id) as (env, first):
            yield _Episode(env, first, self._actions_of(env), task.goal, self._win)

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        """What BabyAI's bot does; None where there is none, or where it gives up."""
        with self._begun(task.id) as (env, _):
            done = _bot(env) if hasattr(env.unwrapped, "instrs") else None
        if done is None:
            return None
        return [ToolCall("act", {"command": minigrid_text.ACTIONS[action]}) for action in done]

    def _task(self, split: Split, index: int) -> Task:
        id = self._ids[index % len(self._ids)]
        name = f"{id}/{index // len(self._ids) * len(SPLITS) + SPLITS.index(split)}"
        if name not in self._goals:
            with self._begun(name) as (env, _):
                self._goals[name] = self._goal or (env.unwrapped.mission if is_grid(env) else f"do well in {id}")
        return Task(name, self.name, split, id.rpartition(":")[2], self._goals[name])

    @contextmanager
    def _begun(self, name: str) -> Iterator[tuple[Any, Any]]:
        """The environment of a task, reset to its seed, and what ``reset`` returned."""
        id, _, seed = name.rpartition("/")
        if id not in self._ids or not seed.isdecimal():
            raise UnknownName(f"the suite {self.name} has no task {name!r}; take one from tasks('train')")
        env = _make(id, self._options)
        try:
            with _quiet():
                first = env.reset(seed=int(seed))
            yield env, first
        finally:
            env.close()

    def _actions_of(self, env: Any) -> Actions:
        return actions_of(env.action_space, self._actions or (minigrid_text.ACTIONS if is_grid(env) else ()))


class _Episode(Episode):
    """One episode of an environment that has been reset."""

    def __init__(self, env: Any, first: tuple[Any, Any], actions: Actions, goal: str, win: float | None) -> None:
        super().__init__(actions.tool)
        self._env, self._first, self._actions, self._goal = env, first, actions, goal
        self._least = env.spec.reward_threshold if win is None else win
        self._return = 0.0

    async def begin(self) -> Feedback:
        seen, info = self._first
        self._info = info
        return Feedback(f"Your task: {self._goal}.\n{told(self._env, seen)}", commands=self._actions.commands(info))

    async def answer(self, call: ToolCall) -> Feedback:
        action = self._actions.read(call)
        if action is None:
            offered = self._actions.commands(self._info)
            return Feedback("Nothing happens: there is no such action.", commands=offered)
        seen, reward, terminated, truncated, self._info = self._env.step(action)
        self._return += float(reward)
        over = terminated or truncated
        return Feedback(
            told(self._env, seen),
            reward=float(over and self._is_won()),
            terminated=bool(terminated),
            truncated=bool(truncated and not terminated),
            commands=() if over else self._actions.commands(self._info),
        )

    def _is_won(self) -> bool:
        return self._return > 0 if self._least is None else self._return >= self._least


def _bot(env: Any) -> list[int] | None:
    """The actions of BabyAI's bot from the start to the end of the episode."""
    bot_of: Any = importlib.import_module("minigrid.utils.baby_ai_bot").BabyAIBot
    actions: list[int] = []
    over = False
    try:
        bot = bot_of(env.unwrapped)
        while not over:
            actions.append(int(bot.replan(actions[-1] if actions else None)))
            _, _, terminated, truncated, _ = env.step(actions[-1])
            over = terminated or truncated
    except AssertionError:  # the bot's way to say that it has no plan
        return None
    return actions


def _make(id: str, options: Mapping[str, Any]) -> Any:
    _installed()
    import gymnasium

    with contextlib.suppress(ImportError), _quiet():
        importlib.import_module("minigrid")  # registers its environments
    try:
        with _quiet():
            plain = gymnasium.make(id, **options)
            if "ansi" not in plain.metadata.get("render_modes", ()):
                return plain
            return gymnasium.make(id, **{"render_mode": "ansi", **options})
    except gymnasium.error.UnregisteredEnv:
        raise unknown("Gymnasium environment", id, sorted(gymnasium.registry)) from None
    except (gymnasium.error.Error, ImportError, TypeError) as error:
        raise BadSetting(f"the environment {id!r} cannot be made: {error}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What engines print and warn of while they build a world is not for who reads our output."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _installed() -> None:
    if importlib.util.find_spec("gymnasium") is None:
        raise MissingExtra("the suite gymnasium needs gymnasium; run: pip install 'knowhow-agents[worlds]'")
