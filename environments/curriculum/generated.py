"""A model describes training environments for the skills that the agent is weak at, in a few calls; they are mixed with
the original ones (EnvGen, arXiv 2403.12014). For suites whose environments can be described, such as household.

Descriptions are data, which the suite checks; what it refuses is asked for again with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from knowhow.environments.curricula import Ask, Choice, Designed, Fresh, Outcome, Progress
from knowhow.environments.discover import at_least, between
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite, Task

PROMPT = Template("""\
# Environment designer
An agent learns by doing tasks. Describe training environments in which it practises what it is weak at, and so that it
can succeed there: easier surroundings for what it never achieves, ordinary ones for what it sometimes achieves. Do not
practise what it can do already.

Answer with one JSON object and nothing else: {"environments": [at most $most descriptions]}

# What a description holds
$guide

# Success so far
The latest training episodes, by kind of task:
$table

# Refused
$refused
""")


@dataclass(frozen=True)
class Generated:
    """The model is asked before every ``every``-th round, so many times in all as ``calls``, for at most ``most``
    descriptions; ``tries`` bounds how often it is asked again then. ``share`` of each round is made by the latest
    ones. Raises: BadSetting for a suite that takes no descriptions."""

    tasks: Sequence[Task]
    suite: Suite
    ask: Ask
    share: float = 0.5
    every: int = 2
    calls: int = 4
    most: int = 3
    tries: int = 3
    labels = True

    def __post_init__(self) -> None:
        between(0, 1, share=self.share)
        at_least(1, every=self.every, calls=self.calls, most=self.most, tries=self.tries)
        self._designed()

    async def next(self, count: int, progress: Progress) -> Choice:
        note = await self._note(progress)
        made = self._made(note.get("environments", ()), round(self.share * count), progress.seed)
        fresh = Fresh(self.tasks, progress.outcomes)
        return Choice((*(fresh.take() for _ in range(count - len(made))), *made), note)

    async def _note(self, progress: Progress) -> Mapping[str, Any]:
        """The descriptions that hold for this round: new ones where it is time for that, else those of the round
        before."""
        before = progress.notes[-1] if progress.notes else {}
        had = before.get("calls", 0)
        number = len(progress.rounds) + 1
        if number % self.every or had >= self.calls or not progress.outcomes:
            return {name: value for name, value in before.items() if name != "refused"}
        accepted, refused = await self._described(progress.rounds[-self.every :])
        kept = before.get("environments", []) if refused and not accepted else accepted
        return {"calls": had + 1, "environments": kept, "refused": refused}

    async def _described(self, recent: Sequence[Sequence[Outcome]]) -> tuple[list[Any], list[str]]:
        """Descriptions that the suite takes, and why it refused others."""
        accepted: list[Any] = []
        reasons: list[str] = []
        for _ in range(self.tries):
            prompt = PROMPT.substitute(
                most=self.most,
                guide=self._designed().design_guide(),
                table=success_table(recent),
                refused="\n".join(f"- {reason}" for reason in reasons) or "Nothing.",
            )
            before = len(reasons)
            for design in _environments(await self.ask(prompt), reasons):
                self._judge(design, accepted, reasons)
            if len(reasons) == before:
                break
        return accepted[: self.most], reasons

    def _judge(self, design: Any, accepted: list[Any], reasons: list[str]) -> None:
        try:
            self._designed().designed(design, 0, 0)
        except BadSetting as error:
            reasons.append(str(error))
        else:
            accepted.append(design)

    def _made(self, designs: Sequence[Any], count: int, seed: int) -> list[Task]:
        """So many tasks, by each description in turn."""
        shares = [range(at, count, len(designs)) for at in range(len(designs))]
        suite = self._designed()
        return [
            task
            for at, (design, share) in enumerate(zip(designs, shares, strict=True))
            for task in suite.designed(design, len(share), seed + at)
        ]

    def _designed(self) -> Designed:
        if not isinstance(self.suite, Designed):
            raise BadSetting(
                f"the suite {self.suite.name} takes no descriptions of environments; use another curriculum than "
                "generated, see `knowhow curricula`"
            )
        return self.suite


def success_table(rounds: Sequence[Sequence[Outcome]]) -> str:
    """One line a kind: how many of its episodes succeeded."""
    met: dict[str, list[bool]] = {}
    for outcome in (outcome for round in rounds for outcome in round):
        met.setdefault(outcome.task.kind, []).append(outcome.success)
    return "\n".join(f"- {kind}: {sum(found)} of {len(found)}" for kind, found in sorted(met.items()))


def _environments(reply: Mapping[str, Any] | None, reasons: list[str]) -> list[Any]:
    """The descriptions in a reply; where there is no list of them, that is one more reason."""
    found = (reply or {}).get("environments")
    if isinstance(found, list):
        return found
    reasons.append('the answer is no JSON object of the form {"environments": [...]}')
    return []
