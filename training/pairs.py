"""Two ways to go on from the same state: where a better and a worse episode of a task part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from random import Random

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.memory.lineage import refuse_test
from knowhow.training.provenance import by_task, source_of
from knowhow.training.replies import deeds, plain, replies
from knowhow.training.selecting import counted, ended, succeeded
from knowhow.training.types import Data, Pair

OPENING = 2
"""Messages before the first reply: the system prompt and the task."""

OTHER_PROMPT = "their prompts differ, by memory or by another seed"


def pairs(trajectories: Sequence[Trajectory], *, cap: int = 4, seed: int = 0) -> Data[Pair]:
    """At most ``cap`` pairs of a task (0: all): success before failure, and the shorter success before the longer.

    A pair is of the two replies at the first place where the calls differ, after equal calls and answers; its prompt is
    the better episode's, and the other's says the same but for the text of its replies. Memory in the prompts makes
    them differ: ``all_unaided`` takes it out. Episodes of one seed are compared first; then ``seed`` decides.

    Episodes that an error or the budget cut off are left out. The rest is counted in pairs of episodes: rows and
    dropped ones are all pairs of a better and a worse episode of a task.

    Raises: BadSetting for an episode of the test split, or whose reward is withheld.
    """
    refuse_test(trajectories)
    if cap < 0:
        raise BadSetting(f"the cap is {cap}; it is a number of pairs a task, or 0 for no cap")
    whole = ended(trajectories)
    rows: list[Pair] = []
    left: Counter[str] = Counter()
    for task, tried in by_task(whole.rows).items():
        made = _of_task(tried, cap, Random(f"{seed}/{task}"))
        rows += [one for one in made if isinstance(one, Pair)]
        left.update(one for one in made if isinstance(one, str))
    return Data(tuple(rows), (*whole.dropped, *counted(left, "pairs")))


def _of_task(tried: Sequence[Trajectory], cap: int, random: Random) -> list[Pair | str]:
    """For every pair of a better and a worse episode, the pair of replies or why there is none."""
    candidates = [(one, other) for one, other in permutations(tried, 2) if _better(one, other)]
    random.shuffle(candidates)
    candidates.sort(key=lambda two: two[0].seed != two[1].seed)
    made: list[Pair | str] = []
    found = 0
    for better, worse in candidates:
        made.append(f"over the cap of {cap} a task" if cap and found >= cap else _parted(better, worse))
        found += isinstance(made[-1], Pair)
    return made


def _better(one: Trajectory, other: Trajectory) -> bool:
    if succeeded(one) != succeeded(other):
        return succeeded(one)
    return succeeded(one) and len(one.steps) < len(other.steps)


def _parted(better: Trajectory, worse: Trajectory) -> Pair | str:
    """The replies at which two episodes part, or why there are none to compare."""
    for place, (one, other) in enumerate(zip(better.messages, worse.messages, strict=False)):
        if one["role"] == other["role"] == "assistant":
            if deeds(one) != deeds(other):
                return _pair(better, worse, place)
        elif plain(one) != plain(other):
            return OTHER_PROMPT if place < OPENING else "equal calls were answered differently"
    return "they never part"


def _pair(better: Trajectory, worse: Trajectory, place: int) -> Pair | str:
    chosen, rejected = (next(reply for reply in replies(one) if reply.place == place) for one in (better, worse))
    if not (chosen.weight and rejected.weight):
        return "a reply at which they part is masked"
    return Pair(
        prompt=better.messages[:place],
        chosen=better.messages[place],
        rejected=worse.messages[place],
        source=source_of(better, chosen.step),
        rejected_source=source_of(worse, rejected.step),
        tools=better.tools,
    )
