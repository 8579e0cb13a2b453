"""Attacks on the sandbox (``attacks.py``): none gets out, and the host is as before.

All are made at once, each in a place of its own with something to reach: files, servers, a process, a key. That they
are real is shown where there are only limits: there, what the warning says gets through does get through.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import attacks
import pytest
from processes import runs

from knowhow.environments.control_groups import made
from knowhow.environments.sandbox import Limits, Outcome, run_python
from knowhow.environments.sandboxes import weak
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.syscalls import denying
from knowhow.environments.walls import NOBODY, SAID_SO

LIMITS = Limits(seconds=6, cpu=2, memory_mb=256, processes=4, disk_mb=4)
AT_ONCE = 8
SECRET = "the answer to everything"
ROOT = os.geteuid() == 0
FAULTS = ("SyntaxError", "NameError", "TypeError", "AttributeError", "ValueError", "ImportError", "ModuleNotFound")
"""What an attack that is no attack would fail with."""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the attacks are on Linux"),
    pytest.mark.filterwarnings("ignore:untrusted code is NOT walled in"),
]


@dataclass
class Target:
    """What an attack may reach, and what it did reach."""

    tag: str
    folder: Path
    bystander: subprocess.Popen[bytes]
    names: dict[str, Any] = field(default_factory=dict)
    reached: list[str] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(False))

    def program(self, source: str) -> str:
        names = "".join(f"{name} = {value!r}\n" for name, value in self.names.items())
        return names + (attacks.PREAMBLE + source).replace("TAG", self.tag)

    def looked_at(self) -> None:
        """What is not as it was is reached."""
        writable = self.folder / "writable"
        if not writable.exists() or writable.read_text() != SECRET:
            self.reached.append("a file was changed")
        files = sorted(path.name for path in self.folder.iterdir())
        if files != ["canary", "served", "writable"]:
            self.reached.append(f"its folder has {files}")
        if self.bystander.poll() is not None:
            self.reached.append("a process was ended")
        for place in ("/dev/shm", "/var/tmp", "/tmp", "/run", "/usr", "/dev"):
            for left in Path(place).glob(f"{self.tag}*"):
                self.reached.append(f"{left} was left")
                left.unlink()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, target: Target) -> None:
        self.target = target

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.target.reached.append("a datagram came")


@contextmanager
def target(number: int) -> Iterator[Target]:
    tag = f"atk{number}x{os.getpid()}"
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="attacked-", dir="/tmp"))  # where nobody may go, unlike ``tmp_path``
        stack.callback(shutil.rmtree, folder)
        for name in ("canary", "writable"):
            (folder / name).write_text(SECRET)
            (folder / name).chmod(0o666 if name == "writable" else 0o644)
        folder.chmod(0o777)
        environ = {"SECRET_OF_THE_HOST": SECRET}
        bystander = subprocess.Popen(["sleep", "300"], env=environ, user=NOBODY if ROOT else None)
        stack.callback(bystander.wait)
        stack.callback(bystander.kill)
        yield Target(tag, folder, bystander)


@asynccontextmanager
async def serving(made: Target) -> AsyncIterator[None]:
    """Servers of every kind, for the attack to find."""

    async def greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.reached.append("a server was connected to")
        writer.close()

    loop, abstract = asyncio.get_running_loop(), f"abstract-{made.tag}"
    servers = [await asyncio.start_server(greeted, "127.0.0.1", 0)]
    port = servers[0].sockets[0].getsockname()[1]
    for address in ("127.0.0.2", "::1"):
        with suppress(OSError):
            servers.append(await asyncio.start_server(greeted, address, port))
    for path in (str(made.folder / "served"), f"\0{abstract}"):
        servers.append(await asyncio.start_unix_server(greeted, path))
    (made.folder / "served").chmod(0o777)
    udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(made), ("127.0.0.1", 0))
    made.names = {
        "CANARY": str(made.folder / "canary"),
        "WRITABLE": str(made.folder / "writable"),
        "SERVED": str(made.folder / "served"),
        "ABSTRACT": abstract,
        "PORT": port,
        "UDP": udp.get_extra_info("sockname")[1],
        "HOST": os.getpid(),
        "BYSTANDER": made.bystander.pid,
        "NAME": socket.gethostname(),
    }
    try:
        yield
    finally:
        udp.close()
        for server in servers:
            server.close()
            await server.wait_closed()


async def attempt(number: int, source: str, gate: asyncio.Semaphore) -> Target:
    async with gate:
        with target(number) as made:
            async with serving(made):
                made.outcome = await run_python(made.program(source), limits=LIMITS)
                await asyncio.sleep(0.05)  # so that servers see who came
            made.looked_at()
    return made


async def attempted(names: list[str]) -> dict[str, Target]:
    gate = asyncio.Semaphore(AT_ONCE)
    tried = [attempt(number, attacks.ATTACKS[name], gate) for number, name in enumerate(names)]
    return dict(zip(names, await asyncio.gather(*tried), strict=True))


@contextmanager
def behind(walls: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KNOWHOW_SANDBOX", walls)
        patch.setenv("SECRET_OF_THE_HOST", SECRET)
        yield


@pytest.fixture(scope="module")
def walled() -> dict[str, Target]:
    """What came of every attack behind walls."""
    if why := Bubblewrap().fails():
        pytest.skip(why)
    if denying() is None:
        pytest.skip("needs the extra [sandbox]")
    with behind("bubblewrap"):
        return asyncio.run(attempted([*attacks.ATTACKS]))


@pytest.fixture(scope="module")
def unwalled() -> dict[str, Target]:
    """What came of those that need walls, where there are none."""
    with behind("weak"):
        return asyncio.run(attempted([*attacks.OPEN_IN_WEAK]))


def test_there_are_many_attacks_of_every_kind() -> None:
    assert len(attacks.ATTACKS) >= 60
    assert set(attacks.MOST) | set(attacks.OPEN_IN_WEAK) <= set(attacks.ATTACKS)


@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_it_does_not_get_out(name: str, walled: dict[str, Target]) -> None:
    made = walled[name]
    said = made.outcome.stdout + made.outcome.stderr
    assert made.reached == []
    assert "GOT" not in said, said
    assert SECRET not in said
    assert not made.outcome.why.startswith(FAULTS), made.outcome
    counts = [int(count) for count in re.findall(r"^COUNT (\d+)$", made.outcome.stdout, re.MULTILINE)]
    assert all(count <= attacks.MOST[name] for count in counts)
    assert made.outcome.stdout.count("COUNT_ONE") <= LIMITS.memory_mb


def test_nothing_is_left_running(walled: dict[str, Target]) -> None:
    tags = [made.tag for made in walled.values()]
    until = time.monotonic() + 10
    while (left := named(tags)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert not any(runs(made.bystander.pid) for made in walled.values())  # those were ours to end


def named(tags: list[str]) -> list[str]:
    """The processes that call themselves one of these, or were started with it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [(path / "comm").read_text().strip(), (path / "cmdline").read_text()]
    return [name for name in found if name and any(tag == name or f"# {tag}" in name for tag in tags)]


async def test_the_sandbox_works_as_before(walled: dict[str, Target]) -> None:
    with behind("bubblewrap"):
        done = await run_python("open('mine', 'w').write('x')\nprint(open('mine').read())")
    assert done == Outcome(True, "x\n")


@pytest.mark.parametrize("name", attacks.OPEN_IN_WEAK)
def test_without_walls_it_does_get_out_and_the_warning_says_so(name: str, unwalled: dict[str, Target]) -> None:
    made = unwalled[name]
    counts = [int(count) for count in re.findall(r"^COUNT (\d+)$", made.outcome.stdout, re.MULTILINE)]
    too_much = any(count > attacks.MOST[name] for count in counts)
    assert made.reached or "GOT" in made.outcome.stdout or too_much, made.outcome
    for root in (True, False):
        assert attacks.OPEN_IN_WEAK[name] in weak.warning(SAID_SO, root=root)


async def test_what_the_kernel_keeps_for_it_is_bounded_too() -> None:
    limits = Limits(seconds=60, cpu=60, memory_mb=32, disk_mb=1)
    with made(limits) as groups:
        if not any((folder / name).exists() for folder in groups for name in ("memory.max", "memory.limit_in_bytes")):
            pytest.skip("this process may make no control group")
    with behind("bubblewrap"):
        done = await run_python(
            """
import os
for number in range(10_000_000):
    os.close(os.open(str(number), os.O_CREAT))
""",
            limits=limits,
        )
    assert done.why == "it was killed"
