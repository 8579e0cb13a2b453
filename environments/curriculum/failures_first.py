"""Tasks that have failed and not succeeded since come first, the newest before the older ones, each with variants: the
same goal elsewhere where the suite can make that, else the untried tasks of its kind whose goals share most words
(after WebRL, arXiv 2411.02337, where a model writes them). What is left of a round is new."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from knowhow.environments.curricula import Ask, Choice, Fresh, Outcome, Progress, Varied
from knowhow.environments.discover import at_least, between
from knowhow.environments.types import Suite, Task


@dataclass(frozen=True)
class FailuresFirst:
    """``share`` in [0, 1] of a round at most is for failures and their variants, so many ``variants`` of each."""

    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    share: float = 0.5
    variants: int = 1
    labels = True

    def __post_init__(self) -> None:
        between(0, 1, share=self.share)
        at_least(0, variants=self.variants)

    async def next(self, count: int, progress: Progress) -> Choice:
        fresh = Fresh(self.tasks, progress.outcomes)
        first = list(islice(self._failures(progress), round(self.share * count)))
        return Choice((*first, *(fresh.take() for _ in range(count - len(first)))))

    def _failures(self, progress: Progress) -> Iterator[Task]:
        taken = {outcome.task.id for outcome in progress.outcomes}
        for number, task in enumerate(unsolved(progress.outcomes)):
            yield task
            if isinstance(self.suite, Varied):
                yield from self.suite.variants(task, self.variants, progress.seed + number)
            else:
                near = nearest(task, [other for other in self.tasks if other.id not in taken])[: self.variants]
                taken.update(other.id for other in near)
                yield from near


def unsolved(outcomes: Sequence[Outcome]) -> list[Task]:
    """The tasks whose last episode failed, the newest first."""
    last = {outcome.task.id: outcome for outcome in outcomes}
    newest = dict.fromkeys(outcome.task.id for outcome in reversed(outcomes))
    return [last[id].task for id in newest if not last[id].success]


def nearest(task: Task, others: Sequence[Task]) -> list[Task]:
    """The others of its kind, those first whose goals have most words in common with its own (Jaccard)."""
    own = _words(task)
    same = [other for other in others if other.kind == task.kind and other.id != task.id]
    return sorted(same, key=lambda other: -len(own & _words(other)) / max(1, len(own | _words(other))))


def _words(task: Task) -> set[str]:
    return set(re.findall(r"\w+", task.goal.lower()))
