"""Which walls the sandbox has: the best that there are, or those that are asked for; and what each is told to hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from knowhow.environments.discover import find, names
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.sandbox import Limits, Outcome, converse, run_python
from knowhow.environments.sandboxes import _container, weak
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.sandboxes.docker import Docker
from knowhow.environments.sandboxes.podman import Podman
from knowhow.environments.walls import NOBODY, SANDBOXES, SETTING, chosen, only_weak


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)


@pytest.fixture
def warned_anew() -> Iterator[None]:
    weak._warn.cache_clear()
    yield
    weak._warn.cache_clear()


@pytest.fixture
def without_better_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for better in (Bubblewrap, Podman, Docker):
        monkeypatch.setattr(better, "fails", lambda self: f"{type(self).__name__} is not installed")


def test_each_kind_is_a_file_and_has_a_rank_of_its_own() -> None:
    kinds = {name: find(SANDBOXES, name)() for name in names(SANDBOXES)}
    assert sorted(kinds, key=lambda name: kinds[name].rank) == ["bubblewrap", "podman", "docker", "weak"]
    assert kinds["weak"].fails() == ""


@pytest.mark.skipif(bool(Bubblewrap().fails()), reason=Bubblewrap().fails() or "bubblewrap works")
def test_the_best_that_works_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(chosen(), Bubblewrap) and only_weak() == ""
    monkeypatch.setenv(SETTING, "weak")
    assert isinstance(chosen(), weak.Weak) and only_weak() == "KNOWHOW_SANDBOX says so"


async def test_others_that_are_asked_for_and_cannot_be_had_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "bubblewarp")
    with pytest.raises(UnknownName, match="'bubblewarp'; did you mean bubblewrap"):
        await run_python("")
    monkeypatch.setattr(Docker, "fails", lambda self: "docker does not run")
    monkeypatch.setenv(SETTING, "docker")
    with pytest.raises(BadSetting, match="KNOWHOW_SANDBOX=docker, but docker does not run; or unset it"):
        await run_python("")


@pytest.mark.usefixtures("without_better_ones", "warned_anew")
async def test_without_walls_it_warns_once_and_keeps_to_the_limits() -> None:
    with pytest.warns(RuntimeWarning, match="NOT walled in here: Bubblewrap is not installed; Podman is not") as warned:
        first = await run_python("print('hello')")
        second = await run_python("while True: pass", limits=Limits(seconds=0.5))
    assert len(warned) == 1
    assert (first.stdout, second.why) == ("hello\n", "it took longer than 0.5 seconds")
    third = await run_python(
        """
import json, os
def attempt(what):
    try:
        what()
    except BaseException as error:
        return type(error).__name__
print(json.dumps([attempt(os.fork), os.getuid(), os.listdir("."), attempt(lambda: bytearray(1 << 30))]))
"""
    )
    user = NOBODY if os.geteuid() == 0 else os.getuid()
    assert json.loads(third.stdout) == ["BlockingIOError", user, [], "MemoryError"]


def command(engine: str) -> list[str]:
    return _container.command(engine, "guest", "pass", Limits(memory_mb=200, disk_mb=8, processes=2))


def test_a_container_is_told_of_every_limit() -> None:
    told = " ".join(command("docker"))
    for word in (
        "--network none --ipc none",
        "--read-only --tmpfs /tmp:rw,nosuid,nodev,size=8m",
        "--memory 240m --memory-swap 240m --pids-limit 17",
        f"--user {NOBODY}:{NOBODY} --cap-drop ALL --security-opt no-new-privileges",
        "--pull never",
    ):
        assert word in told


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_the_engine_knows_every_option_that_it_is_given(engine: str) -> None:
    if not shutil.which(engine):
        pytest.skip(f"{engine} is not installed")
    offered = subprocess.run([engine, "run", "--help"], capture_output=True, text=True, check=True).stdout
    given = {word for word in command(engine) if word.startswith("--")}
    assert given <= set(re.findall(r"--[a-z-]+", offered))


@pytest.mark.parametrize("engine", [Podman, Docker])
async def test_a_container_holds_what_is_in_it(
    engine: type[_container.Container], monkeypatch: pytest.MonkeyPatch
) -> None:
    if why := engine().fails():
        pytest.skip(why)
    monkeypatch.setenv(SETTING, engine.engine)
    assert await run_python("import os\nprint(os.getuid(), os.environ.get('SECRET'))") == Outcome(
        True, f"{NOBODY} None\n"
    )
    async with converse("print(ask(1) + ask(2))") as talk:
        async for request in talk:
            await talk.reply(request)
    assert talk.outcome == Outcome(True, "", "3\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_container, "_run", watched := Watched())
        slept = await run_python("import time\ntime.sleep(1000)", limits=Limits(seconds=1))
        assert slept.why == "it took longer than 1 seconds"
    shown = watched(engine.engine, "ps", "--format", "{{.Names}}").stdout.split()
    assert watched.names and not set(watched.names) & set(shown)
    closed = await run_python(
        """
import socket
try:
    socket.create_connection(("1.1.1.1", 53), 2)
except OSError as error:
    print(error.errno)
for path in ("/x", "/usr/x", "/dev/shm/x"):
    try:
        open(path, "w")
        print(path)
    except OSError:
        pass
total = 0
try:
    with open("large", "wb", 0) as file:
        while True:
            total += file.write(bytes(1 << 16))
except OSError:
    print(total <= 4 << 20)
""",
        limits=Limits(seconds=20, disk_mb=4),
    )
    assert closed.stdout == "101\nTrue\n", closed


class Watched:
    """Runs an engine's command, and keeps the names of what was removed."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._run = _container._run

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        self.names += [words[-1]] * ("rm" in words)
        return self._run(*words)
