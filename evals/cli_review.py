"""``knowhow memory review``: a person decides on what waits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.cli_trace import about
from knowhow.evals.memory_folder import Json, Run, alone, episodes_in, memory_in, tell
from knowhow.evals.review_lines import printable, waiting_lines

if TYPE_CHECKING:
    from knowhow.memory.episodes import Episodes
    from knowhow.memory.store import Memory
    from knowhow.memory.types import Item

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
        waiting = [(item.id, _lines(memory, episodes, item)) for item in _pending(memory)]
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
    return {**encode(item), "diff": waiting_lines(memory.journal.state()[1], item), "taught": taught}


def _lines(memory: Memory, episodes: Episodes, item: Item) -> list[str]:
    from knowhow.memory.trace import sources

    origin = f"{item.id}  {item.kind}, trust: {item.trust}"
    taught = [f"  taught by {one.episode}{about(one)}" for one in sources(episodes, item.sources)]
    return [origin, *waiting_lines(memory.journal.state()[1], item), *taught]


def _print(lines: Iterable[str]) -> None:
    typer.echo(printable("\n".join(lines)))
