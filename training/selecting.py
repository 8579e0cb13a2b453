"""Which episodes are trained on: successes with a cap per task, none that are stale, nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from random import Random
from typing import TypeVar

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import StopReason, Trajectory
from knowhow.memory.lineage import refuse_test, task_key
from knowhow.training.replies import plain
from knowhow.training.types import Data, Datum, Dropped, Example, Message, Pair

Row = TypeVar("Row")
Made = TypeVar("Made", bound=Datum)


def keep(rows: Sequence[Row], why_not: Callable[[Row], str], what: str = "rows") -> Data[Row]:
    """The rows of which ``why_not`` says nothing; the others are counted by what it says."""
    reasons = [why_not(row) for row in rows]
    kept = tuple(row for row, reason in zip(rows, reasons, strict=True) if not reason)
    return Data(kept, counted(Counter(filter(None, reasons)), what))


def counted(reasons: Mapping[str, int], what: str) -> tuple[Dropped, ...]:
    """How many were left out for each reason, in order; a reason that left out none is not told."""
    return tuple(Dropped(why, count, what) for why, count in reasons.items() if count)


def of_kinds(trajectories: Sequence[Trajectory], kinds: Sequence[str]) -> Data[Trajectory]:
    """The episodes of tasks of these kinds; of all where none is named."""
    other = f"of another kind than {', '.join(kinds)}"
    return keep(trajectories, lambda one: "" if not kinds or one.task.kind in kinds else other, "episodes")


def played_with(
    trajectories: Sequence[Trajectory], *, memory_version: int = 0, model: str | None = None
) -> Data[Trajectory]:
    """The episodes that were played with ``memory_version`` or a later one, and by ``model`` (None: any), which names
    the adapter too; the others are stale."""

    def stale(one: Trajectory) -> str:
        if one.memory_version < memory_version:
            return f"played under a memory older than version {memory_version}"
        return f"played by another model than {model}" if model is not None and one.model != model else ""

    return keep(trajectories, stale, "episodes")


def ended(trajectories: Sequence[Trajectory]) -> Data[Trajectory]:
    """The episodes of which the outcome says something: not those that an error or the budget cut off."""
    cut = {StopReason.ERROR: "cut off by an error", StopReason.BUDGET: "cut off by the budget"}
    return keep(trajectories, lambda one: cut.get(one.stop, ""), "episodes")


def successes(trajectories: Sequence[Trajectory], *, cap: int = 0, seed: int = 0) -> Data[Trajectory]:
    """The successful episodes, at most ``cap`` of a task (0: all), those of the fewest steps first; ``seed`` decides
    between equally long ones (ReST-EM, arXiv 2312.06585). They stay in their order.

    Raises: BadSetting for an episode of the test split, or whose reward is withheld.
    """
    refuse_test(trajectories)
    if cap < 0:
        raise BadSetting(f"the cap is {cap}; it is a number of episodes a task, or 0 for no cap")
    won = [trajectory for trajectory in trajectories if succeeded(trajectory)]
    taken = _capped(won, cap, Random(seed)) if cap else range(len(won))
    kept = tuple(won[place] for place in taken)
    left = {"not successful": len(trajectories) - len(won), f"over the cap of {cap} a task": len(won) - len(kept)}
    return Data(kept, counted(left, "episodes"))


def chosen(trajectories: Sequence[Trajectory], *, failures: bool, cap: int, seed: int) -> Data[Trajectory]:
    """The successes, or with ``failures`` every episode. Raises: as ``successes``; BadSetting for a cap on failures."""
    if not failures:
        return successes(trajectories, cap=cap, seed=seed)
    if cap:
        raise BadSetting(f"the cap of {cap} is of successes; leave it out where failures are wanted too")
    return Data(tuple(trajectories))


def succeeded(trajectory: Trajectory) -> bool:
    """Whether it did. Raises: BadSetting where the reward is withheld."""
    if trajectory.reward is None:
        raise BadSetting(f"the reward of episode {trajectory.id} is withheld; choosing by success needs labels")
    return trajectory.success


def deduplicated(rows: Sequence[Made]) -> Data[Made]:
    """The first of all rows that say the same: equal messages, tools and weights, whatever the ids of their calls."""
    seen: set[Hashable] = set()

    def again(row: Made) -> str:
        said = _said(row)
        known = said in seen
        seen.add(said)
        return "the same as another" if known else ""

    return keep(rows, again)


def _capped(won: Sequence[Trajectory], cap: int, random: Random) -> list[int]:
    """The places of at most ``cap`` episodes of each task, the shortest."""
    drawn = random.sample(range(len(won)), len(won))
    taken: list[int] = []
    of_task: Counter[str] = Counter()
    for place in sorted(drawn, key=lambda place: len(won[place].steps)):
        of_task[task_key(won[place].task)] += 1
        if of_task[task_key(won[place].task)] <= cap:
            taken.append(place)
    return sorted(taken)


def _said(row: Datum) -> Hashable:
    tools = repr(row.tools)
    if isinstance(row, Example):
        return _plain(row.messages), row.weights, tools
    if isinstance(row, Pair):
        return _plain(row.prompt), plain(row.chosen), plain(row.rejected), tools
    return _plain(row.prompt), plain(row.reply), row.good, tools


def _plain(messages: Sequence[Message]) -> tuple[Hashable, ...]:
    return tuple(map(plain, messages))
