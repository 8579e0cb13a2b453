"""The index on a real Chroma server: it finds what the journal says, whatever happens to the server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from runs import kept, outcome, small

from knowhow.environments.errors import BadSetting
from knowhow.evals import learn
from knowhow.evals.settings import Settings
from knowhow.evals.stage import check
from knowhow.memory.storage.collection import Collection
from knowhow.memory.storage.exact import Exact
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Op

TEXTS = {
    "les-1": "Clean the object at the sinkbasin, then put it in its place.",
    "les-2": "To heat an object, carry it to the microwave.",
    "les-3": "Open a closed receptacle before you take an object from it.",
}
CHROMA = "import sys; sys.argv[0] = 'chroma'; from chromadb.cli.cli import app; app()"


class Server:
    """``chroma run`` in a process of its own, on a port that stays the same."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.index = f"chroma-http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        words = ["run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen([sys.executable, "-c", CHROMA, *words], stdout=-3, stderr=-3)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError("chroma run does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    made = Server()
    made.start(tmp_path / "chroma")
    try:
        yield made
    finally:
        made.kill()


def add(memory: Memory, **texts: str) -> None:
    fields = {"kind": "lesson", "status": "active"}
    memory.commit([Edit(Op.ADD, name.replace("_", "-"), {**fields, "text": text}) for name, text in texts.items()])


def filled(folder: Path, index: str) -> Memory:
    memory = Memory.open(folder, create=True, index=index)
    add(memory, **{name.replace("-", "_"): text for name, text in TEXTS.items()})
    return memory


def nearest(memory: Memory, text: str = "heat it in the microwave") -> list[str]:
    return [item.id for item, _ in memory.search(text, 3)]


def table(memory: Memory) -> object:
    return memory.index._table


def test_what_is_found_is_what_is_found_here(server: Server, tmp_path: Path) -> None:
    with filled(tmp_path / "there", server.index) as there, filled(tmp_path / "here", "") as here:
        for text in ("heat it in the microwave", "open it", "sinkbasin"):
            assert there.search(text, 2) == here.search(text, 2)
        assert isinstance(table(there), Collection) and isinstance(table(here), Exact)
        there.commit([Edit(Op.REMOVE, "les-2"), Edit(Op.SET, "les-1", {"text": "Heat is what a microwave gives."})])
        assert nearest(there) == ["les-1", "les-3"]
    with Memory.open(tmp_path / "there", index=server.index) as again:
        assert nearest(again) == ["les-1", "les-3"] and isinstance(table(again), Collection)
    assert not (tmp_path / "there/index/chroma").exists()


@pytest.mark.parametrize("change", [lambda folder: folder, lambda folder: folder.with_name("empty")])
def test_a_server_that_was_lost_is_filled_again(
    change: Callable[[Path], Path], server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with filled(tmp_path / "memory", server.index) as memory:
        first = nearest(memory)
        server.kill()
        assert nearest(memory) == first and isinstance(table(memory), Exact)
        assert "vectors are held in memory" in caplog.text
        server.start(change(tmp_path / "chroma"))
        add(memory, les_4="The microwave is beside the fridge.")
        assert "les-4" in nearest(memory)
    with Memory.open(tmp_path / "memory", index=server.index) as again:
        assert "les-4" in nearest(again) and isinstance(table(again), Collection)
        assert again.index.ids() == {*TEXTS, "les-4"}


def test_an_emptied_server_is_noticed_while_it_is_used(server: Server, tmp_path: Path) -> None:
    with filled(tmp_path / "memory", server.index) as memory:
        first = nearest(memory)
        server.kill()
        server.start(tmp_path / "another")
        assert nearest(memory) == first and isinstance(table(memory), Collection)


def test_two_processes_and_two_folders_never_share_a_collection(server: Server, tmp_path: Path) -> None:
    with filled(tmp_path / "one", server.index) as one, filled(tmp_path / "other", server.index) as other:
        other.commit([Edit(Op.REMOVE, "les-2")])
        with Memory.open(tmp_path / "one", index=server.index) as second:
            assert nearest(one)[0] == nearest(second)[0] == "les-2" and "les-2" not in nearest(other)
            assert isinstance(table(second), Exact)


async def test_a_run_with_a_server_comes_to_the_same(server: Server, tmp_path: Path) -> None:
    few = {"episodes": 6, "rounds": 2, "validation": 3, "memory": "playbook(token_budget=200)"}
    here = await learn.start(small(**few), tmp_path / "here")
    there = await learn.start(small(**few, index=server.index), tmp_path / "there")
    assert outcome(there) == outcome(here) and kept(tmp_path / "there") == kept(tmp_path / "here")


@pytest.mark.parametrize("index", ["chroma", "http://127.0.0.1:8000", "chroma-http://u:p4ssw0rd@127.0.0.1:1"])
def test_what_is_no_index_is_refused(index: str) -> None:
    with pytest.raises(BadSetting) as error:
        check(Settings(index=index))
    assert "p4ssw0rd" not in str(error.value)


def test_a_server_that_is_not_there_is_told_before_a_run_begins() -> None:
    with pytest.raises(BadSetting, match=r"no Chroma server answers at http://127.0.0.1:1 .*; start one: chroma run"):
        check(Settings(index="chroma-http://127.0.0.1:1"))
