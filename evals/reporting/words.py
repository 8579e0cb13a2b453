"""A run in plain words: its headline, and the sentences under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowhow.evals.reporting.figures import ORDER, Rate, by_phase, gain, pairs, rate
from knowhow.memory.episodes import Summary


def percent(share: float | None) -> str:
    """``0.667`` as ``67%``; one decimal more where rounding would tell of none or of all."""
    if share is None:
        return "unknown"
    rounded = f"{100 * share:.0f}%"
    return f"{100 * share:.1f}%" if rounded in ("0%", "100%") and share not in (0, 1) else rounded


def between(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f}%"


def points(change: float) -> str:
    return f"{100 * change:+.0f}".replace("-", "\u2212")


def headline(episodes: Sequence[Summary], *, finished: bool) -> str:
    """What the run came to, or how far it got, in half a sentence."""
    phases = by_phase(episodes)
    found = {phase: rate(ones) for phase, ones in phases.items()}
    if found.get("run", Rate()).n:
        return f"{percent(found['run'].value)} of {_tasks(phases['run'])} solved{'' if finished else ', so far'}"
    before, after = found.get("before", Rate()), found.get("after", Rate())
    if before.n and after.n:
        return _change(before, after, unseen=not trained_on(episodes) and not gated_on(episodes))
    if not episodes:
        return "No episode has ended yet"
    return "The budget ended before there was a result" if finished else _under_way(phases)


def sentences(episodes: Sequence[Summary]) -> list[str]:
    """What stands behind the headline, the strongest first."""
    phases = by_phase(episodes)
    told = [_run(phases["run"])] if "run" in phases else []
    if "after" in phases and "before" in phases:
        told += _compared(phases)
    elif "before" in phases:
        told.append(_lone("Without memory, the agent solved", rate(phases["before"])))
    again = trained_on(episodes)
    if again:
        told.append(f"Take care: {again} of these tasks were trained on as well, so they are not unseen.")
    gated = gated_on(episodes)
    if gated:
        told.append(f"Take care: {gated} of these tasks were the gate's as well, which chose what was kept.")
    return [sentence for sentence in told if sentence]


def standing(episodes: Sequence[Summary], about: Mapping[str, Any], folder: Path) -> str:
    """Where an unfinished run stands, and how to go on."""
    settings = about.get("settings", {})
    evolve = about["kind"] == "evolve"
    way = f"Go on with: knowhow evolve --resume {folder}" if evolve else "Start it again, into another folder."
    if not episodes:
        return f"This run is not finished: it has no episode yet. {way}"
    last = max(episodes, key=_moment)
    of = f", round {last.round} of {settings.get('rounds', '?')}" if last.round else ""
    return f"This run is not finished: it stands at {last.phase}{of}, after {len(episodes):,} episodes. {way}"


def trained_on(episodes: Sequence[Summary]) -> int:
    """How many tasks of the reports were among the training tasks too."""
    return _reported_and(episodes, "train")


def gated_on(episodes: Sequence[Summary]) -> int:
    """How many tasks of the reports were among the gate's too: the validation split was too small for both."""
    return _reported_and(episodes, "validation")


def _reported_and(episodes: Sequence[Summary], phase: str) -> int:
    used = {(one.suite, one.split, one.task) for one in episodes if one.phase == phase}
    return len(used & {(one.suite, one.split, one.task) for one in episodes if one.phase in ("before", "after")})


def _change(before: Rate, after: Rate, *, unseen: bool) -> str:
    _, low, high = gain(after, before)
    where = "on tasks it had never seen" if unseen else "on validation tasks"
    if low > 0:
        return f"From {percent(before.value)} to {percent(after.value)} {where}"
    if high < 0:
        return f"Down from {percent(before.value)} to {percent(after.value)} {where}"
    return f"{percent(before.value)} before, {percent(after.value)} after: no clear change"


def _compared(phases: Mapping[str, Sequence[Summary]]) -> list[str]:
    before, after = rate(phases["before"]), rate(phases["after"])
    if not before.n or not after.n:
        return ["The budget ended before both reports had an episode."]
    change, low, high = gain(after, before)
    paired = pairs(phases["before"], phases["after"])
    with_it, without = "With the memory that it built, the agent solved", "Without memory, it solved"
    return [
        f"{_lone(with_it, after)} {_lone(without, before)}",
        f"That is a change of {points(change)} points (95% interval {points(low)} to {points(high)}); task by task, "
        f"{paired.gained} of {paired.n} were newly solved and {paired.lost} lost.",
        _control(before, after, rate(phases.get("withheld", ()))),
    ]


def _control(before: Rate, after: Rate, withheld: Rate) -> str:
    """What the control says: the same agent, asking its memory and shown nothing of it."""
    if not withheld.n:
        return ""
    _, above, _ = gain(after, withheld)
    _, low, high = gain(withheld, before)
    told = f"With the memory withheld, success is {percent(withheld.value)}"
    if above > 0 and low <= 0 <= high:
        return f"{told}, as it was before: what was gained comes from the memory."
    return f"{told}: this does not show that a change comes from the memory."


def _run(episodes: Sequence[Summary]) -> str:
    found = rate(episodes)
    versions = {one.memory_version for one in episodes if one.shown or one.withheld}
    memory = f" It recalled memory version {', '.join(map(str, sorted(versions)))}." if versions else ""
    return f"{_lone('The agent solved', found)}{memory}" if found.n else "No episode ran to its end."


def _lone(start: str, found: Rate) -> str:
    if not found.n:
        return ""
    share = f"{percent(found.value)} (95% interval {between(*found.interval)})"
    return f"{start} {found.wins} of {found.n} tasks: {share}."


def _moment(episode: Summary) -> tuple[bool, int, int]:
    """When in a run an episode was played: the loop's phases take turns, round by round."""
    place = ORDER.index(episode.phase) if episode.phase in ORDER else len(ORDER)
    return place > ORDER.index("validation"), episode.round, place


def _tasks(episodes: Sequence[Summary]) -> str:
    n = rate(episodes).n
    return f"{n:,} {episodes[0].split} task{'s' * (n != 1)}"


def _under_way(phases: Mapping[str, Sequence[Summary]]) -> str:
    """The gate's validation so far, whose rounds are all of the same tasks."""
    rounds = {number: rate(ones) for number, ones in _by_round(phases.get("validation", ()))}
    measured = {number: found for number, found in rounds.items() if found.n}
    if len(measured) < 2:
        return "Learning, still under way"
    (_, first), *_, (last, now) = measured.items()
    return f"{percent(first.value)} at the start, {percent(now.value)} after round {last}, and not finished"


def _by_round(episodes: Sequence[Summary]) -> list[tuple[int, list[Summary]]]:
    return [(n, [one for one in episodes if one.round == n]) for n in sorted({one.round for one in episodes})]


def chance(p: float) -> str:
    """A p-value; the small ones are alike."""
    return "<0.0001" if p < 0.0001 else f"{p:.2g}"
