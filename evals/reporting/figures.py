"""The figures of a report: success with its interval by phase, round and task kind, and what they come to in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.environments.types import StopReason, Usage
from knowhow.evals.stats import Tried, difference, tried
from knowhow.memory.episodes import Summary

ORDER = ("run", "before", "train", "proof", "mirror", "spared", "validation", "after", "withheld")
"""The phases in the order in which a report names them."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``wins`` of ``n`` episodes earned the full reward; ``counted`` says at how many tasks of a phase and round."""

    counted: Tried = Tried()  # noqa: RUF009 - it is immutable

    @property
    def wins(self) -> int:
        return self.counted.won

    @property
    def n(self) -> int:
        return self.counted.n

    @property
    def value(self) -> float | None:
        """In [0, 1]; None where there are no episodes."""
        return self.wins / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval, by tasks where these were tried several times."""
        return self.counted.interval()


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """What the episodes of a phase came to, and what they cost."""

    phase: str
    episodes: int
    rate: Rate
    mean_steps: float | None
    errors: int
    unfinished: int
    usage: Usage


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of the loop; round 0 is the state before the first. ``kept`` is None where nothing was decided yet."""

    round: int
    train: Rate
    validation: Rate
    edits: int | None = None
    kept: bool | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class KindRow:
    """Success at one kind of task, by the name of the series."""

    kind: str
    rates: Mapping[str, Rate]

    @property
    def episodes(self) -> int:
        return max(rate.n for rate in self.rates.values())


@dataclass(frozen=True, slots=True)
class Pairs:
    """The same tasks and seeds in two phases: how many were solved in one of them alone."""

    gained: int
    lost: int
    n: int


def rate(episodes: Iterable[Summary]) -> Rate:
    """Success as ``evals/summary.py`` counts it: episodes that the budget cut off, or without a label, are left out."""
    known = [one for one in episodes if one.reward is not None and one.stop is not StopReason.BUDGET]
    return Rate(tried(((one.phase, one.round, one.task), solved(one)) for one in known))


def solved(episode: Summary) -> bool:
    return episode.reward is not None and episode.reward >= 1 - 1e-9


def outcome(episode: Summary) -> str:
    """solved, failed, error, cut off (by the budget) or unknown (its reward is withheld)."""
    special = {StopReason.ERROR: "error", StopReason.BUDGET: "cut off"}
    if episode.stop in special:
        return special[episode.stop]
    if episode.reward is None:
        return "unknown"
    return "solved" if solved(episode) else "failed"


def by_phase(episodes: Sequence[Summary]) -> dict[str, list[Summary]]:
    """The episodes of each phase that has any, phases in their order."""
    places = {phase: place for place, phase in enumerate(ORDER)}
    phases = sorted({one.phase for one in episodes}, key=lambda phase: (places.get(phase, len(places)), phase))
    return {phase: [one for one in episodes if one.phase == phase] for phase in phases}


def phase_row(phase: str, episodes: Sequence[Summary]) -> PhaseRow:
    finished = [one for one in episodes if one.stop is not StopReason.BUDGET]
    return PhaseRow(
        phase,
        len(episodes),
        rate(episodes),
        sum(one.steps for one in finished) / len(finished) if finished else None,
        sum(one.stop is StopReason.ERROR for one in finished),
        len(episodes) - len(finished),
        sum((one.usage for one in episodes), Usage()),
    )


def round_rows(episodes: Sequence[Summary], decided: Mapping[int, Mapping[str, Any]]) -> list[RoundRow]:
    """The rounds that have episodes. ``decided``: by round, what the result or the journal tells of the decision."""
    looped = [one for one in episodes if one.phase in ("train", "validation")]
    return [
        RoundRow(
            number,
            rate(one for one in looped if one.phase == "train" and one.round == number),
            rate(one for one in looped if one.phase == "validation" and one.round == number),
            **{name: decided.get(number, {}).get(name) for name in ("edits", "kept", "version")},
        )
        for number in sorted({one.round for one in looped})
    ]


def kind_rows(series: Mapping[str, Sequence[Summary]]) -> list[KindRow]:
    """Success by task kind of each series of episodes, kinds by name."""
    kinds = sorted({one.kind for episodes in series.values() for one in episodes})
    return [
        KindRow(kind, {name: rate(one for one in episodes if one.kind == kind) for name, episodes in series.items()})
        for kind in kinds
    ]


def pairs(before: Sequence[Summary], after: Sequence[Summary]) -> Pairs:
    """What changed task by task, over the tasks and places that both phases played to their end."""
    first, second = ({(one.task, one.index): solved(one) for one in side if counts(one)} for side in (before, after))
    both = [(first[key], second[key]) for key in first.keys() & second.keys()]
    return Pairs(sum(b > a for a, b in both), sum(a > b for a, b in both), len(both))


def faults(episodes: Iterable[Summary]) -> list[tuple[str, int, str]]:
    """Error messages with how often they came and an episode that shows each, the most frequent first."""
    failed = [one for one in episodes if one.error]
    example = {one.error: one.id for one in reversed(failed)}
    return [(error, count, example[error]) for error, count in Counter(one.error for one in failed).most_common()]


def gain(after: Rate, before: Rate) -> tuple[float, float, float]:
    """The difference of two rates, each with episodes, and its 95% interval."""
    low, high = difference((after.wins, after.n), (before.wins, before.n))
    return (after.value or 0.0) - (before.value or 0.0), low, high


def counts(episode: Summary) -> bool:
    """Whether the episode came to its end and has a label."""
    return episode.reward is not None and episode.stop is not StopReason.BUDGET
