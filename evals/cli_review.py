"""``knowhow memory review``, ``blame`` and ``why``: a person looks at what was learned, and decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import Json, Run, alone, episodes_in, memory_in, tell

if TYPE_CHECKING:
    from knowhow.memory.episodes import Episodes
    from knowhow.memory.store import Memory
    from knowhow.memory.trace import Blame, Seen, Why
    from knowhow.memory.types import Item

CONTROL = "withheld"
"""The phase of the control, which goes without everything at once: no evidence for one item."""
_KEYS = "[a]ccept, [e]dit, [r]eject, [s]kip, [q]uit"


def review(
    run: Run,
    accept: Annotated[list[str], typer.Option(metavar="ID", help="Accept this; may be repeated.")] = [],  # noqa: B006
    reject: Annotated[list[str], typer.Option(metavar="ID", help="Reject this; may be repeated.")] = [],  # noqa: B006
    edit: Annotated[tuple[str, str], typer.Option(metavar="ID TEXT", help="Accept this in other words.")] = ("", ""),
    why: Annotated[str, typer.Option(help="The reason for what is rejected.")] = "",
    json: Json = False,
) -> None:
    """Decide on what waits for a person: lessons from outside text, and changes that they ask for.

    Without options each is shown and asked for. What is accepted becomes a candidate: it still has to prove itself.

    Example: knowhow memory review runs/demo --accept str-00012 --reject pro-00003 --json
    """
    if accept or reject or edit[0]:
        _decided(run, accept, reject, edit, why, json)
    elif json:
        with memory_in(run) as memory, episodes_in(run) as episodes:
            tell({"pending": [_told(memory, episodes, item) for item in _pending(memory)]}, True, lambda: None)
    else:
        _asked(run)


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


def _decided(
    run: Path, accepted: Sequence[str], rejected: Sequence[str], edited: tuple[str, str], reason: str, json: bool
) -> None:
    from knowhow.memory.review import accept, reject, waiting

    with alone(run), memory_in(run) as memory:
        for id in filter(None, (*accepted, *rejected, edited[0])):
            waiting(memory.journal.state()[1], id)
        for id in accepted:
            accept(memory, id)
        if edited[0]:
            accept(memory, *edited)
        for id in rejected:
            reject(memory, id, reason)
        version, left = memory.version, len(_pending(memory))
    told = {"accepted": [*accepted, *edited[:1]] if edited[0] else [*accepted], "rejected": [*rejected]}
    tell({**told, "version": version, "pending": left}, json, lambda: typer.echo(f"version {version}; {left} wait"))


def _asked(run: Path) -> None:
    with memory_in(run) as memory, episodes_in(run) as episodes:
        waiting = [(item.id, _lines(_told(memory, episodes, item))) for item in _pending(memory)]
    if not waiting:
        typer.echo("nothing waits for review")
    for number, (id, lines) in enumerate(waiting, 1):
        _print([f"--- {number} of {len(waiting)}", *lines])
        key = _key()
        if key == "q":
            return
        if key in _DECIDE:
            _decide(run, id, key)


def _decide(run: Path, id: str, key: str) -> None:
    from knowhow.environments.errors import Conflict

    said = typer.prompt(_DECIDE[key], default="") if _DECIDE[key] else ""
    try:
        with alone(run), memory_in(run) as memory:
            typer.echo(f"version {_DEEDS[key](memory, id, said)}")
    except Conflict as error:
        typer.echo(str(error))


def _accepted(memory: Memory, id: str, said: str) -> int:
    from knowhow.memory.review import accept

    return accept(memory, id, said or None)


def _rejected(memory: Memory, id: str, said: str) -> int:
    from knowhow.memory.review import reject

    return reject(memory, id, said)


_DECIDE = {"a": "", "e": "in these words", "r": "why"}
"""What is asked after a key."""
_DEEDS = {"a": _accepted, "e": _accepted, "r": _rejected}


def _key() -> str:
    """The end of the input is a no to all the rest."""
    try:
        return str(typer.prompt(_KEYS, default="s")).strip().lower()[:1]
    except typer.Abort:
        return "q"


def _pending(memory: Memory) -> list[Item]:
    from knowhow.memory.review import pending

    return pending(memory)


def _told(memory: Memory, episodes: Episodes, item: Item) -> dict[str, Any]:
    """What waits, as data: the item, what it would change, and who taught it."""
    from knowhow.memory.codec import encode
    from knowhow.memory.trace import sources

    taught = [encode(source) for source in sources(episodes, item.sources)]
    return {**encode(item), "diff": _diff(memory, item), "taught": taught}


def _diff(memory: Memory, item: Item) -> list[str]:
    from knowhow.memory.exports import change_lines
    from knowhow.memory.fold import Change
    from knowhow.memory.review import PROPOSAL, outcome

    if item.kind != PROPOSAL:
        return change_lines(Change(item.id, None, item))
    change = outcome(memory, item)
    return change_lines(change) if change else ["it is about an item that is gone"]


def _lines(told: dict[str, Any]) -> list[str]:
    origin = f"{told['id']}  {told['kind']}, trust: {told['trust']}"
    return [origin, *told["diff"], *_source_lines(told["taught"])]


def _source_lines(taught: Iterable[dict[str, Any]]) -> list[str]:
    return [f"  taught by {one['episode']}{_about(one)}" for one in taught]


def _about(source: dict[str, Any]) -> str:
    if not source["task"]:
        return " (not kept here)"
    return f": {source['goal'] or source['task']} ({_reward(source['reward'])})"


def _reward(reward: float | None) -> str:
    return "reward unknown" if reward is None else f"reward {reward:g}"


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
    lines += [f"  {source.episode}{_about(encode(source))}" for source in found.taught]
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


def _print(lines: Iterable[str]) -> None:
    typer.echo("\n".join(lines))
