"""Episodes on disk: every trajectory of a run, whole, with a light row of each for reports."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowhow.environments.errors import MemoryDamaged, UnknownName
from knowhow.environments.redact import without_keys
from knowhow.environments.types import Split, StopReason, Trajectory, Usage
from knowhow.memory.codec import Made, decode, encode
from knowhow.memory.storage.database import Database, Format

# An acknowledged episode survives a kill of the process; after a power cut the last few may have to be run again.
EPISODES = Format(
    what="episode store",
    application=0x6B686570,
    version=1,
    synchronous="NORMAL",
    tables="""
        CREATE TABLE IF NOT EXISTS episodes (
            phase TEXT NOT NULL, round INTEGER NOT NULL, "index" INTEGER NOT NULL, id TEXT NOT NULL,
            summary TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (phase, round, "index"));
        CREATE INDEX IF NOT EXISTS episodes_id ON episodes (id);
    """,
)


@dataclass(frozen=True, slots=True)
class Summary:
    """An episode without what was said in it. ``steps`` counts decisions, ``actions`` the environment's calls;
    ``kind`` and ``split`` are its task's."""

    id: str
    phase: str
    round: int
    index: int
    task: str
    suite: str
    kind: str
    split: Split
    reward: float | None
    stop: StopReason
    steps: int
    error: str = ""
    shown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    actions: int = 0
    model: str = ""
    method: str = ""
    memory_version: int = 0
    attempts: int = 1
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    @classmethod
    def of(cls, episode: Trajectory, *, phase: str, round: int, index: int) -> Summary:
        task = episode.task
        return cls(
            id=episode.id,
            phase=phase,
            round=round,
            index=index,
            task=task.id,
            suite=task.suite,
            kind=task.kind,
            split=task.split,
            reward=episode.reward,
            stop=episode.stop,
            steps=len(episode.steps),
            error=episode.error,
            shown=episode.shown,
            withheld=episode.withheld,
            cited=episode.cited,
            actions=sum(step.actions for step in episode.steps),
            model=episode.model,
            method=episode.method,
            memory_version=episode.memory_version,
            attempts=episode.attempts,
            usage=episode.usage,
            seconds=episode.seconds,
        )


class Episodes:
    """The episodes of a run, by phase ("train", "before", ...), round and index. Threads may share one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, folder: str | Path, create: bool = False) -> Episodes:
        """The episodes in ``folder/episodes.db``, made there if ``create`` and there is none. Raises: MemoryDamaged."""
        return cls(Database.open(Path(folder) / "episodes.db", EPISODES, create=create))

    def put(self, trajectory: Trajectory, *, phase: str, round: int, index: int) -> None:
        """Write an episode; one at the same phase, round and index is replaced. Raises: KnowhowError on a full disk."""
        summary = _text(Summary.of(trajectory, phase=phase, round=round, index=index))
        row = (phase, round, index, trajectory.id, summary, zlib.compress(_text(trajectory).encode(), 1))
        with self._database.writing() as database:
            database.execute("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?, ?, ?, ?)", row)

    def get(self, id: str) -> Trajectory:
        """The episode of this id, the last one written where there are several. Raises: UnknownName."""
        rows = self._database.read("SELECT body FROM episodes WHERE id = ? ORDER BY rowid DESC LIMIT 1", id)
        if not rows:
            raise UnknownName(f"there is no episode {id!r} in {self._database.path}")
        return self._trajectory(rows[0][0])

    def find(self, phase: str | None = None, round: int | None = None) -> list[Trajectory]:
        """The episodes of a phase and round (None: of all), in the order of phase, round and index."""
        return [self._trajectory(body) for (body,) in self._select("body", phase, round)]

    def summaries(self, phase: str | None = None, round: int | None = None) -> list[Summary]:
        """As ``find``, without what was said: fast for tens of thousands."""
        return [self._read(Summary, text) for (text,) in self._select("summary", phase, round)]

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Episodes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _select(self, column: str, phase: str | None, round: int | None) -> list[Any]:
        return self._database.read(
            f"SELECT {column} FROM episodes WHERE phase = ifnull(?, phase) AND round = ifnull(?, round) "
            'ORDER BY phase, round, "index"',
            phase,
            round,
        )

    def _trajectory(self, body: bytes) -> Trajectory:
        try:
            return self._read(Trajectory, zlib.decompress(body))
        except zlib.error as error:
            raise self._damaged(error) from error

    def _read(self, kind: type[Made], text: str | bytes) -> Made:
        try:
            return decode(kind, json.loads(text))
        except ValueError as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> MemoryDamaged:
        return MemoryDamaged(f"an episode in {self._database.path} is damaged ({error}); restore the file from a copy")


def _text(value: Summary | Trajectory) -> str:
    return without_keys(json.dumps(encode(value), separators=(",", ":")))
