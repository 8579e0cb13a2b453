"""From evidence to status: candidate -> active -> retired, each decision an edit that says why.

An item is promoted when its interval says that it helps, and retired when the interval says that it harms, or that it
is not worth its place. What shows neither after enough evidence makes room: memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knowhow.memory.effects import Evidence
from knowhow.memory.types import Edit, Item, Op, Status

_LIKELY = 1.64
"""Standard errors above the estimate that the effect exceeds in one case out of twenty."""


@dataclass(frozen=True, slots=True)
class Rules:
    """When a decision falls. ``worth`` is the least effect, in rewards, that is worth an item's place in the prompt.

    ``patience`` is the evidence, in pairs' worth, after which a candidate goes that most likely (19 to 1) has less
    than that; ``limit`` the evidence after which one goes that still has not shown that it helps.
    """

    worth: float = 0.05
    patience: float = 40.0
    limit: float = 1000.0


def promotions(items: Mapping[str, Item], found: Mapping[str, Evidence], rules: Rules = Rules()) -> list[Edit]:
    """One edit for each item with new evidence: its effect, and its status where that changes; in the order of ids."""
    return [_edit(items[id], found[id], rules) for id in sorted(found) if id in items]


def _edit(item: Item, new: Evidence, rules: Rules) -> Edit:
    evidence = Evidence.of(item.effect) + new
    status, reason = decide(item.status, evidence, rules)
    changed = {} if status is item.status else {"status": status}
    return Edit(Op.SET, item.id, {"effect": evidence.to_effect(), **changed}, f"{reason}: {told(evidence)}")


def decide(status: Status, evidence: Evidence, rules: Rules = Rules()) -> tuple[Status, str]:
    """The status that follows from the evidence, and why."""
    low, high = evidence.interval()
    if status is Status.RETIRED:
        return status, "it was retired before"
    if high < 0:
        return Status.RETIRED, "it harms"
    if high < rules.worth:
        return Status.RETIRED, f"it is not worth {rules.worth:+.2f}"
    if low > 0:
        return Status.ACTIVE, "it helps"
    if status is Status.CANDIDATE and evidence.weight >= rules.limit:
        return Status.RETIRED, "after so long it has not shown that it helps"
    unlikely = evidence.mean + _LIKELY * evidence.error < rules.worth
    if status is Status.CANDIDATE and evidence.weight >= rules.patience and unlikely:
        return Status.RETIRED, f"it is hardly worth {rules.worth:+.2f}"
    return status, "it is still open"


def told(evidence: Evidence) -> str:
    """``+0.31 of reward (95%: +0.05 to +0.57, evidence of 42.0 pairs)``."""
    low, high = evidence.interval()
    return f"{evidence.mean:+.2f} of reward (95%: {low:+.2f} to {high:+.2f}, evidence of {evidence.weight:.1f} pairs)"
