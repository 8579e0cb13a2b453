"""``knowhow self-correction``: what a correcting method mends and what it spoils."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import Json, Phase

MEANT = {
    "none": "nothing: it is the plain agent",
    "intrinsic": "its own judgement alone (intrinsic)",
    "external": "what the world said to whole attempts, or another model (external)",
    "oracle": "the label (oracle): an upper bound, no gain that an agent could have by itself",
    "undeclared": "something that it does not declare; take it for the label",
}


def self_correction(
    before: Annotated[Path, typer.Argument(help="A run without the method; or the one run, of a search.")],
    after: Annotated[Path | None, typer.Argument(help="A run of the same tasks and seeds, with the method.")] = None,
    phase: Phase = "",
    json: Json = False,
) -> None:
    """Say what a correcting method mends and what it spoils, and what it corrects by: itself, the world, or the label.

    Confidence level: how much of what was right stays right. Critique score: how much of what was wrong is mended. With
    one run, the first attempt of each of its searches (retry, best_of_n) is taken as before.

    Example: knowhow self-correction runs/plain runs/refined
    """
    from knowhow.evals.self_correction import compare, within

    found = within(before, phase) if after is None else compare(before, after, phase)
    tell(found, json, lambda: typer.echo("\n".join(_lines(found))))


def _lines(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['method'] or 'no method'}, which corrects by {MEANT[found['by']]}"
    if found.get("before_by", "none") != "none":
        yield f"  before is not the plain agent: it corrects by {MEANT[found['before_by']]}"
    yield from (f"  the runs differ in more than the method, {told}" for told in found["differs"])
    yield f"  {'':<14}{'right after':>12}{'wrong after':>13}"
    yield f"  {'right before':<14}{found['right_right']:>12}{found['right_wrong']:>13}"
    yield f"  {'wrong before':<14}{found['wrong_right']:>12}{found['wrong_wrong']:>13}"
    yield f"  success before {_rate(found, 'before')}, after {_rate(found, 'after')}, McNemar p = {found['p']:.3g}"
    yield f"  confidence level {_rate(found, 'confidence_level')}, critique score {_rate(found, 'critique_score')}"
    yield f"  {found['says']}"
    if found["unpaired"]:
        yield f"  {found['unpaired']} episodes have no counterpart and are left out"


def _rate(found: dict[str, Any], name: str) -> str:
    low, high = found[f"{name}_ci95"]
    return "unknown" if found[name] is None else f"{found[name]:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
