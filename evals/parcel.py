"""What the episodes of a phase have in common, as it travels to another machine: settings, recall and the journal.

Recall is code of this process. What phases wrap around it travels as code; the memory beneath travels as its journal,
from which the same banks are made again, as they are when a run is resumed.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from knowhow.agents.types import Recall
from knowhow.evals.engine import Cast
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Mind
from knowhow.memory.store import Memory


@dataclass(frozen=True, slots=True)
class Carried:
    """A memory on its way: the settings and banks that made its ``Mind``, and where the bytes of its journal are."""

    settings: Settings
    banks: tuple[str, ...]
    journal: Any


@dataclass(frozen=True, slots=True)
class Parcel:
    """``recall`` is pickled."""

    recall: bytes
    mind: Carried | None
    memory_version: int
    tag: str

    @classmethod
    def of(cls, cast: Cast, snapshots: Snapshots) -> Parcel:
        from ray import cloudpickle

        minds: list[Mind] = []

        class Packer(cloudpickle.Pickler):  # type: ignore[misc]
            def persistent_id(self, value: Any) -> str | None:
                if isinstance(value, Mind):
                    minds.append(value)
                    return "mind"
                return None

        packed = io.BytesIO()
        Packer(packed).dump(cast.recall)
        carried = snapshots.carried(minds[0]) if minds else None
        return cls(packed.getvalue(), carried, cast.memory_version, cast.tag)

    def unpacked(self, mind: Mind | None) -> Recall:
        """The recall, over this mind."""

        class Unpacker(pickle.Unpickler):
            def persistent_load(self, name: Any) -> Mind | None:
                return mind

        recall: Recall = Unpacker(io.BytesIO(self.recall)).load()
        return recall


class Snapshots:
    """Journals as ``put`` stores them for everybody, one for each version."""

    def __init__(self, put: Callable[[bytes], Any]) -> None:
        self._put = put
        self._last: tuple[Memory | None, int, Any] = (None, 0, None)

    def carried(self, mind: Mind) -> Carried:
        memory, version, journal = self._last
        if (memory, version) != (mind.memory, mind.memory.version):
            journal = self._put(mind.memory.journal.serialized())
            self._last = mind.memory, mind.memory.version, journal
        return Carried(mind.settings, mind.specifications, journal)
