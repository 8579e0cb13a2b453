"""``knowhow memory blame`` and ``why``: where a lesson comes from and what it did, and what an episode saw."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import Json, Run, episodes_in, memory_in, tell

if TYPE_CHECKING:
    from knowhow.memory.trace import Blame, Seen, Source, Why

CONTROL = "withheld"
"""The phase of the control, which goes without everything at once: no evidence for one item."""


def blame(
    run: Run, item: Annotated[str, typer.Argument(help="An item's id, such as str-00001.")], json: Json = False
) -> None:
    """Show everything that is known of an item: each change with its reason, who taught it, what it did since.

    Example: knowhow memory blame runs/demo str-00001
    """
    from knowhow.memory.codec import encode
    from knowhow.memory.trace import blame as traced

    with memory_in(run) as memory, episodes_in(run) as episodes:
        rows = [row for row in episodes.summaries() if row.phase != CONTROL]
        found = traced(memory.journal, episodes, item, rows)
    tell(encode(found), json, lambda: _print(_blame_lines(found)))


def why(
    run: Run, episode: Annotated[str, typer.Argument(help="An episode's id, as in the report.")], json: Json = False
) -> None:
    """Show why an episode went as it did: its task, its reward, and what memory showed to it.

    Example: knowhow memory why runs/demo 1b2f7c5a90d3e846
    """
    from knowhow.memory.trace import why as traced

    with memory_in(run) as memory, episodes_in(run) as episodes:
        found = traced(memory.journal, episodes, episode)
    tell(_why_told(found), json, lambda: _print(_why_lines(found)))


def _blame_lines(found: Blame) -> list[str]:
    import time

    from knowhow.memory.codec import encode
    from knowhow.memory.exports import record

    lines = [f"{found.id}  {found.item.text}" if found.item else f"{found.id}  is gone"]
    lines += [f"  {found.item.kind}, {record(found.item)}, trust: {found.item.trust}"] if found.item else []
    lines += ["history:"]
    for deed in found.history:
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(deed.at))
        fields = ", ".join(f"{name}={_short(value)}" for name, value in encode(deed.edit.fields).items())
        lines.append(f"  {deed.version:>4}  {at}  {deed.note or '-'}: {deed.edit.op} {fields}".rstrip())
        lines += [f"        because {deed.edit.why}"] if deed.edit.why else []
    lines += ["taught by:" if found.taught else "taught by: no episode"]
    lines += [f"  {source.episode}{about(source)}" for source in found.taught]
    since = found.since
    lines += [
        f"since: shown {since.shown} times ({_rate(since.success_with)}), "
        f"withheld {since.withheld} times ({_rate(since.success_without)}), cited {since.cited} times"
    ]
    return lines


def _rate(rate: float | None) -> str:
    return "success unknown" if rate is None else f"success {rate:.0%}"


def _why_told(found: Why) -> dict[str, Any]:
    from knowhow.memory.codec import encode

    episode = found.episode
    return {
        "episode": episode.id,
        **{name: encode(getattr(episode, name)) for name in ("task", "reward", "stop", "error", "memory_version")},
        **{name: encode(getattr(found, name)) for name in ("shown", "withheld", "cited")},
    }


def _why_lines(found: Why) -> list[str]:
    episode = found.episode
    lines = [
        f"{episode.id}  {episode.task.goal}",
        f"  {episode.task.suite}, {episode.task.kind}: {_reward(episode.reward)}, {episode.stop}"
        f"{f' ({episode.error})' if episode.error else ''}, memory version {episode.memory_version}",
    ]
    for name in ("shown", "withheld", "cited"):
        seen = getattr(found, name)
        lines += [f"{name}:" if seen else f"{name}: nothing", *(line for one in seen for line in _seen_lines(one))]
    return lines


def _seen_lines(seen: Seen) -> list[str]:
    from knowhow.memory.exports import effect

    told = seen.then or seen.now
    if told is None:
        return [f"  {seen.id}  is not in this memory"]
    now = f"now {seen.now.status}" if seen.now else "now gone"
    worth = f", effect {effect(seen.now)}" if seen.now and seen.now.effect else ""
    taught = f", taught by {', '.join(told.sources)}" if told.sources else ""
    return [f"  {seen.id}  {told.text}", f"      {now}{worth}{taught}"]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def about(source: Source) -> str:
    """What an episode was about, behind its id."""
    if not source.task:
        return " (not kept here)"
    return f": {source.goal or source.task} ({_reward(source.reward)})"


def _reward(reward: float | None) -> str:
    return "reward unknown" if reward is None else f"reward {reward:g}"


def _print(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))
