"""Vectors by the digest of their text, in a file beside the journal: no text is embedded twice, whoever asks.

A vector depends on its text and its embedder alone, so what is kept here is never out of date, and any number of
processes share the file. It can be thrown away at any time; what is damaged is not used but made again.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowhow.environments.errors import KnowhowError, MemoryDamaged
from knowhow.memory.storage.database import Database, Format
from knowhow.memory.types import Embedder

Vector = NDArray[np.float32]

VECTORS = Format(
    what="file of vectors",
    application=0x6B687665,
    version=1,
    synchronous="NORMAL",
    tables="CREATE TABLE IF NOT EXISTS vectors (digest BLOB PRIMARY KEY, crc INTEGER NOT NULL, vector BLOB NOT NULL);",
)
_AT_ONCE = 500
_log = logging.getLogger(__name__)


class Vectors:
    """The vectors of one embedder, in ``folder``. Raises: KnowhowError where the file cannot be made."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self._path, self._embedder = folder / f"{slug(embedder.name)}.db", embedder
        self._database = self._open()

    def of(self, texts: Sequence[str]) -> Vector:
        """One row for each of the texts (at least one), read-only."""
        named = {digest(text): text for text in texts}
        found = self._known(list(named))
        new = {name: text for name, text in named.items() if name not in found}
        if new:
            made = np.asarray(self._embedder(list(new.values())), np.float32)
            found |= (fresh := {name: row.tobytes() for name, row in zip(new, made, strict=True)})
            self._keep(fresh)
        joined = b"".join(found[digest(text)] for text in texts)
        return np.frombuffer(joined, np.float32).reshape(len(texts), -1)

    def close(self) -> None:
        self._database.close()

    def _known(self, digests: Sequence[str]) -> dict[str, bytes]:
        try:
            return dict(self._read(digests))
        except MemoryDamaged as error:
            self._begin_again(str(error))
            return {}

    def _read(self, digests: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for start in range(0, len(digests), _AT_ONCE):
            some = [bytes.fromhex(name) for name in digests[start : start + _AT_ONCE]]
            places = ", ".join("?" * len(some))
            query = f"SELECT digest, crc, vector FROM vectors WHERE digest IN ({places})"
            for name, crc, vector in self._database.read(query, *some):
                if zlib.crc32(vector) == crc:
                    yield name.hex(), vector
                else:
                    _log.warning("a vector in %s changed since it was written; it is made again", self._path)

    def _keep(self, vectors: Mapping[str, bytes]) -> None:
        rows = ((bytes.fromhex(name), zlib.crc32(vector), vector) for name, vector in vectors.items())
        try:
            with self._database.writing() as database:
                database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
        except MemoryDamaged as error:
            self._begin_again(str(error))
        except KnowhowError as error:  # a full disk, say: what is lost is time
            _log.warning("vectors are not kept: %s", error)

    def _open(self) -> Database:
        try:
            return Database.open(self._path, VECTORS, create=True)
        except MemoryDamaged as error:
            return self._made_anew(str(error))

    def _begin_again(self, reason: str) -> None:
        self._database.close()
        self._database = self._made_anew(reason)

    def _made_anew(self, reason: str) -> Database:
        _log.warning("vectors are made again: %s", reason)
        for end in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + end).unlink(missing_ok=True)
        return Database.open(self._path, VECTORS, create=True)


def digest(text: str) -> str:
    """Sixteen bytes in hexadecimal that tell texts apart."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def slug(embedder: str) -> str:
    """An embedder's name as a file or a collection can have it."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", embedder)[-40:].strip("-") or "embedder"
    return f"{name}-{zlib.crc32(embedder.encode('utf-8', 'surrogatepass')):08x}"
