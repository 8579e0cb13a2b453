"""Where a lesson comes from and what it did; what an episode saw. All is read from the journal and the episodes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from knowhow.environments.discover import unknown
from knowhow.environments.errors import UnknownName
from knowhow.environments.types import Trajectory
from knowhow.memory.episodes import Episodes, Summary
from knowhow.memory.journal import Journal
from knowhow.memory.types import Edit, Item


@dataclass(frozen=True, slots=True)
class Deed:
    """One edit of an item: in which version, when (seconds since the epoch), and the note of its batch."""

    version: int
    at: float
    note: str
    edit: Edit


@dataclass(frozen=True, slots=True)
class Source:
    """An episode that taught an item; ``reward`` is None where it is not known, ``task`` empty where the episode is
    not kept here."""

    episode: str
    task: str = ""
    goal: str = ""
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """What an item did: episodes that showed it, went without it on purpose, and cited it. ``success_with`` and
    ``success_without`` are the rates, in [0, 1], of those whose reward is known; None where there is none."""

    shown: int
    withheld: int
    cited: int
    success_with: float | None
    success_without: float | None


@dataclass(frozen=True, slots=True)
class Blame:
    """An item's whole history. ``item`` is None where it is gone."""

    id: str
    item: Item | None
    history: tuple[Deed, ...]
    taught: tuple[Source, ...]
    since: Since


@dataclass(frozen=True, slots=True)
class Seen:
    """An item as it was in an episode's version of the memory, and as it is now; None where it is not there."""

    id: str
    then: Item | None
    now: Item | None


@dataclass(frozen=True, slots=True)
class Why:
    """An episode, and the items that were shown to it, withheld from it and cited by it."""

    episode: Trajectory
    shown: tuple[Seen, ...]
    withheld: tuple[Seen, ...]
    cited: tuple[Seen, ...]


def blame(journal: Journal, episodes: Episodes, id: str, rows: Sequence[Summary]) -> Blame:
    """The history of an item, present or past; ``rows`` are the episodes to count. Raises: UnknownName."""
    history = tuple(
        Deed(batch.version, batch.at, batch.note, edit)
        for batch in journal.log()
        for edit in batch.edits
        if edit.item == id
    )
    if not history:
        raise _unknown("item", id, _ids(journal))
    told = [str(source) for deed in history for source in deed.edit.fields.get("sources", ())]
    taught = sources(episodes, dict.fromkeys(told))
    return Blame(id, journal.state()[1].get(id), history, taught, _since(id, rows))


def sources(episodes: Episodes, ids: Iterable[str]) -> tuple[Source, ...]:
    """What is kept of the episodes of these ids."""
    return tuple(_source(episodes, id) for id in ids)


def why(journal: Journal, episodes: Episodes, id: str) -> Why:
    """What an episode saw. Raises: UnknownName with the nearest matches."""
    try:
        episode = episodes.get(id)
    except UnknownName:
        raise _unknown("episode", id, [row.id for row in episodes.summaries()]) from None
    then = journal.items(min(episode.memory_version, journal.version))
    now = journal.state()[1]

    def seen(ids: Iterable[str]) -> tuple[Seen, ...]:
        return tuple(Seen(one, then.get(one), now.get(one)) for one in ids)

    return Why(episode, seen(episode.shown), seen(episode.withheld), seen(episode.cited))


def _unknown(kind: str, id: str, known: Sequence[str]) -> UnknownName:
    """With a few of the many known ids at most."""
    return unknown(kind, id, get_close_matches(id, known, n=3, cutoff=0.5) or [*known[:4], "..."])


def _ids(journal: Journal) -> list[str]:
    return sorted({edit.item for batch in journal.log() for edit in batch.edits})


def _source(episodes: Episodes, id: str) -> Source:
    try:
        episode = episodes.get(id)
    except UnknownName:
        return Source(id)
    return Source(id, episode.task.id, episode.task.goal, episode.reward)


def _since(id: str, rows: Sequence[Summary]) -> Since:
    shown = [row for row in rows if id in row.shown]
    withheld = [row for row in rows if id in row.withheld]
    cited = sum(id in row.cited for row in rows)
    return Since(len(shown), len(withheld), cited, _success(shown), _success(withheld))


def _success(rows: Iterable[Summary]) -> float | None:
    known = [row.reward >= 1 - 1e-9 for row in rows if row.reward is not None]
    return sum(known) / len(known) if known else None
