"""What the journal survives: other writers, kill -9, damage and full disks."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knowhow.environments.errors import KnowhowError, MemoryDamaged
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op

LESSON = Item("shr-00001", "bullet", "Open the fridge first.", {"section": "strategies"}, split="train")


def count(item: str, **counts: int) -> Edit:
    return Edit(Op.COUNT, item, counts)


class Writers:
    """The processes of ``journal_writer.py`` on one memory folder."""

    def __init__(self, folder: Path) -> None:
        with Memory.open(folder, create=True) as memory:
            memory.commit([add(Item(memory.journal.new_ids("les")[0], "lesson", "Look twice.", split="train"))])
        script = Path(__file__).with_name("journal_writer.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(folder)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def line(self) -> list[str]:
        """The next line: an acknowledgement, or the answer to a command."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the writing process ended"
        return line.split()

    def until(self, word: str) -> tuple[list[str], list[list[str]]]:
        """The line that begins with ``word``, and the acknowledgements before it."""
        before = []
        while (line := self.line())[0] != word:
            before.append(line)
        return line, before

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    writers = Writers(tmp_path / "memory")
    yield writers
    writers.close()


def test_processes_that_write_at_once_lose_nothing_and_never_get_the_same_id(writers: Writers, tmp_path: Path) -> None:
    acknowledged = []
    for _ in range(3):
        writers.send("go 30 0")
        acknowledged += writers.until("pid")[1]
    writers.send("wait")
    acknowledged += writers.until("done")[1]
    versions = [int(version) for version, *_ in acknowledged]
    names = [name for _, *new in acknowledged for name in new]
    assert sorted(versions) == list(range(2, 92)) and len(set(names)) == 180
    with Journal.open(tmp_path / "memory" / "journal.db") as journal:
        assert journal.items().keys() == {"les-00001", *names}
        assert journal.items()["les-00001"].uses == 90


def test_killed_at_any_moment_no_acknowledged_batch_is_lost_or_halved(writers: Writers, tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged: list[list[str]] = []
    for _ in range(15):
        writers.send("go 100000 3")
        (_, pid), _ = writers.until("pid")
        acknowledged += [writers.line() for _ in range(rng.randint(0, 12))]
        time.sleep(rng.uniform(0, 0.03))
        os.kill(int(pid), signal.SIGKILL)
        writers.send("wait")
        acknowledged += writers.until("done")[1]
        with Journal.open(tmp_path / "memory" / "journal.db") as journal:
            batches = {batch.version: batch for batch in journal.log(after=1)}
            assert all(len(batch.edits) == 3 for batch in batches.values())
            for version, *new in acknowledged:
                assert {edit.item for edit in batches[int(version)].edits} == {*new, "les-00001"}
            assert journal.items()["les-00001"].uses == len(batches)
    assert len(acknowledged) > 15
    with Memory.open(tmp_path / "memory") as memory:
        for _, name, _ in acknowledged[:: len(acknowledged) // 5]:
            assert memory.search(f"Lesson {name}: look twice.", 1)[0][0].id == name
        assert memory.index.ids() == memory.journal.items().keys()


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A journal of 40 batches, some 200 kB, that nobody has open."""
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        for number in range(40):
            journal.commit([add(Item(f"it-{number}", "lesson", f"{number} " * 1000))])
    return path


def refused(path: Path) -> str:
    """What opening says; the file must stay as it is."""
    before = path.read_bytes()
    with pytest.raises(MemoryDamaged) as damage:
        Journal.open(path, create=True)
    assert path.read_bytes() == before
    assert "\n" not in str(damage.value) and str(path) in str(damage.value)
    return str(damage.value)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_text("Dear diary, today I learned to open the fridge. " * 50)
    assert "is no journal" in refused(path)
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE batches (version)")
    connection.close()
    assert "of another program" in refused(path)


def test_a_journal_of_another_layout_is_refused(closed: Path) -> None:
    with sqlite3.connect(closed) as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    assert "layout 9, and this program reads layout 1" in refused(closed)


def test_a_damaged_journal_is_refused(closed: Path) -> None:
    whole = closed.read_bytes()
    closed.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(closed)
    closed.write_bytes(whole[:8192] + os.urandom(4096) + whole[12288:])
    assert "damaged" in refused(closed)
    closed.write_bytes(whole.replace(b"17 17 17 17", b"17 17 71 17", 1))
    assert "batch 18 is damaged" in refused(closed)


def test_a_journal_that_lacks_a_batch_or_its_tables_is_refused(closed: Path) -> None:
    shutil.copy(closed, closed.with_name("copy"))
    for broken in ("DELETE FROM batches WHERE version = 3", "DROP TABLE batches"):
        shutil.copy(closed.with_name("copy"), closed)
        with sqlite3.connect(closed) as connection:
            connection.execute(broken)
        connection.close()
        assert "damaged" in refused(closed) or "tables are not as they should be" in refused(closed)


def test_a_write_ahead_log_without_its_journal_is_not_overwritten(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        journal.commit([add(LESSON)])
        shutil.copy(tmp_path / "journal.db-wal", tmp_path / "other.db-wal")
    with pytest.raises(MemoryDamaged, match="write-ahead log is there"):
        Journal.open(tmp_path / "other.db", create=True)


def fill(journal: Journal) -> tuple[int, str]:
    """Commit until it fails: the last version that was acknowledged, and what the failure said."""
    version = journal.version
    for number in range(10_000):
        try:
            version = journal.commit([add(Item(f"full-{number}", "lesson", "much " * 500)), count(LESSON.id, uses=1)])
        except KnowhowError as error:
            return version, str(error)
    raise AssertionError("the disk did not fill")


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file may grow beyond ``limit`` bytes: a write fails half-way, as on a disk with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 400 kB."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def holds(journal: Journal, version: int) -> None:
    """The journal is whole, at this version."""
    assert journal.version == version
    assert journal.items() == journal.items(version)
    assert journal.items()[LESSON.id].uses == version - 1 == len(journal.items()) - 1


def test_a_write_that_the_system_cuts_short_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.commit([add(LESSON)])
        with small_files(300_000):
            version, said = fill(journal)
            holds(journal, version)
        assert "the disk failed" in said and str(path) in said and "\n" not in said
        assert journal.commit([count(LESSON.id, uses=1), add(Item("after", "lesson", ""))]) == version + 1
        holds(journal, version + 1)
    with Journal.open(path) as again:
        holds(again, version + 1)


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "disk" / "journal.db"
    with small_disk(path.parent):
        with Journal.open(path, create=True) as journal:
            journal.commit([add(LESSON)])
            version, said = fill(journal)
            assert "the disk is full" in said and str(path) in said and "\n" not in said
            holds(journal, version)
        shutil.copytree(path.parent, tmp_path / "room")
    with Journal.open(tmp_path / "room" / "journal.db") as again:
        holds(again, version)
        assert again.commit([count(LESSON.id, uses=1), add(Item("after", "lesson", ""))]) == version + 1
