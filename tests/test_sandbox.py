"""The sandbox: untrusted code gets its limits and nothing else, and the host survives whatever comes back."""

import asyncio
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from processes import command, gone, runs

from knowhow.environments.errors import BadSetting
from knowhow.environments.sandbox import Limits, Outcome, converse, run_python
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.syscalls import denying
from knowhow.environments.walls import NOBODY

walled = pytest.mark.skipif(bool(Bubblewrap().fails()), reason=Bubblewrap().fails() or "bubblewrap works")
filtered = pytest.mark.skipif(denying() is None, reason="needs the extra [sandbox]")

TRY = """
def attempt(what, *given, **named):
    try:
        return "did it: " + repr(what(*given, **named))
    except BaseException as error:
        return type(error).__name__
"""


async def told(source: str, **limits: Any) -> Any:
    """The JSON that a program of its own printed."""
    done = await run_python(TRY + source, limits=Limits(**limits))
    assert done.ok, done
    return json.loads(done.stdout)


def called(name: str) -> list[int]:
    """The processes on this machine that have given themselves this name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            found += [int(path.parent.name)] * (path.read_text().strip() == name)
        except OSError:
            continue
    return found


def sleeping() -> subprocess.Popen[bytes]:
    """A process of the user that the guest is as well."""
    return subprocess.Popen(["sleep", "60"], user=NOBODY if os.geteuid() == 0 else None)


async def appeared(name: str) -> int:
    """The process of this name, once there is one."""
    for _ in range(1000):
        if found := called(name):
            return found[0]
        await asyncio.sleep(0.01)
    raise AssertionError(f"there is no process {name}")


async def test_a_program_gets_its_input_and_files_and_its_output_comes_back() -> None:
    source = "import sys\nprint(sys.stdin.read() + open('a.txt').read())\nprint('aside', file=sys.stderr)"
    assert await run_python(source, files={"a.txt": "ö"}, stdin="hé ") == Outcome(True, "hé ö\n", "aside\n")


async def test_a_program_that_fails_says_where_and_why() -> None:
    done = await run_python("def half(x):\n    return x / 0\nhalf(1)")
    assert (done.ok, done.why) == (False, "ZeroDivisionError: division by zero")
    assert 'File "<source>", line 2, in half' in done.stderr and "guest" not in done.stderr
    assert (await run_python("raise SystemExit('enough')")).why == "enough"
    assert (await run_python("raise SystemExit(3)")).why == "it ended with status 3"
    assert "SyntaxError" in (await run_python("def :")).why


@pytest.mark.parametrize("name", ["../a", "/tmp/a", "", "..", "a\0b"])
async def test_a_file_outside_the_folder_is_refused(name: str) -> None:
    with pytest.raises(BadSetting, match="is no name of a file"):
        await run_python("", files={name: "x"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"seconds": 0},
        {"seconds": "a"},
        {"seconds": True},
        {"seconds": float("inf")},
        {"cpu": 0},
        {"memory_mb": 60, "processes": 2},
        {"disk_mb": 1.5},
    ],
)
def test_limits_that_nothing_can_run_in_are_refused(wrong: Any) -> None:
    with pytest.raises(BadSetting, match=next(iter(wrong))):
        Limits(**wrong)


@walled
async def test_it_sees_neither_the_environment_nor_the_disk_nor_other_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    (tmp_path / "secret").write_text("secret")
    places = ["/etc/shadow", "/etc/passwd", "/root/.bashrc", "/proc/1/mem", str(tmp_path / "secret")]
    places += ["/proc/kcore", "/dev/mem", "/dev/kmsg", "/proc/self/root/etc/shadow", "/tmp/../etc/shadow"]
    seen = await told(f"""
import json, os
os.symlink("/etc/shadow", "link")
os.symlink("/", "root")
inside = [attempt(lambda p: open(p).read()[:20] or 1/0, p) for p in {places} + ["link", "root/etc/passwd"]]
processes = [p for p in os.listdir("/proc") if p.isdigit()]
environs = [attempt(lambda p: open("/proc/" + p + "/environ").read(), p) for p in processes]
print(json.dumps([inside, environs, dict(os.environ), os.listdir("/tmp"), os.getuid()]))
""")
    inside, environs, environ, scratch, user = seen
    assert [text for text in inside if text.startswith("did it")] == []
    assert set(environ) <= {"PWD", "LC_CTYPE"}
    assert len(environs) <= 2  # its own process, and bubblewrap's
    assert "secret" not in str(environs)
    assert sorted(scratch) == ["link", "root"]
    assert user == NOBODY


@walled
async def test_it_writes_nowhere_but_in_its_scratch_folder() -> None:
    places = ["/x", "/usr/x", "/usr/bin/python3", "/etc/x", "/dev/x", "/dev/shm/x", "/root/x", "/bin/x", "/var/x"]
    places += ["/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj_", "/proc/sysrq-trigger", "/sys/x"]
    tried = await told(f"""
import json
print(json.dumps([attempt(lambda p: open(p, "w").write("x"), p) for p in {places} + ["/tmp/mine"]]))
""")
    assert [text.startswith("did it") for text in tried] == [False] * len(places) + [True]


@walled
async def test_it_reaches_no_server_of_this_machine() -> None:
    came: list[Any] = []
    server = await asyncio.start_server(lambda *streams: came.append(streams), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        tried = await told(f"""
import json, socket
names = ["127.0.0.1", "localhost", "::1", "1.1.1.1"]
print(json.dumps([attempt(lambda n: socket.create_connection((n, {port}), timeout=1), n) for n in names]))
""")
        with socket.create_connection((host, port), timeout=5):
            pass  # it was there to be reached
        await asyncio.sleep(0)
    assert [text for text in tried if text.startswith("did it")] == []
    assert len(came) <= 1


@walled
@filtered
async def test_it_may_not_make_sockets_namespaces_or_memory_that_no_limit_counts() -> None:
    tried = await told("""
import ctypes, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *given):
    made = getattr(libc, name)(*given)
    return made if made >= 0 else 1 / 0
print(json.dumps([
    attempt(socket.socket), attempt(socket.socket, socket.AF_UNIX), attempt(os.memfd_create, "x"),
    attempt(call, "shmget", 0, 1 << 20, 0o1600), attempt(call, "unshare", 0x10000000),
    attempt(call, "mount", b"none", b"/tmp", b"tmpfs", 0, None), attempt(call, "chroot", b"/tmp"),
    attempt(call, "ptrace", 16, 1, 0, 0), attempt(call, "personality", 0), attempt(call, "setuid", 0),
    attempt(call, "syscall", 56, 0x10000000 | 17, 0, 0, 0, 0),
]))
""")
    assert [text for text in tried if text.startswith("did it")] == []


@walled
async def test_it_kills_nobody_outside() -> None:
    bystander = sleeping()
    try:
        done = await run_python(f"""
import os
for pid in ({os.getpid()}, {bystander.pid}, os.getppid(), 1, -1):
    try:
        os.kill(pid, 9)
    except OSError:
        pass
""")
        assert runs(bystander.pid)
        assert done.ok or done.why == "it was killed"
    finally:
        bystander.kill()
        bystander.wait()


@walled
async def test_a_fork_bomb_stays_within_its_processes_and_leaves_none_behind() -> None:
    name = f"bomb-{os.getpid()}"
    done = await run_python(
        f"""
import os
open("/proc/self/comm", "w").write("{name}")
forks = 0
while True:
    try:
        if os.fork() == 0:
            forks = -1000
            os.setsid()
    except OSError:
        if forks >= 0:
            print(forks, flush=True)
            break
    else:
        forks += 1
while True:
    pass
""",
        limits=Limits(seconds=1.5, processes=8),
    )
    assert done.why == "it took longer than 1.5 seconds"
    assert 0 <= int(done.stdout) <= 7
    assert called(name) == []


@walled
async def test_it_may_start_no_thread_and_no_process_unless_it_is_allowed_some() -> None:
    source = """
import json, os, subprocess, threading
print(json.dumps([attempt(threading.Thread(target=int).start), attempt(subprocess.run, ["/bin/true"]) ]))
"""
    assert await told(source) == ["RuntimeError", "BlockingIOError"]
    assert [text[:6] for text in await told(source, processes=4)] == ["did it", "did it"]


async def test_memory_is_bounded_for_all_processes_together() -> None:
    source = """
import json
print(json.dumps([attempt(lambda mb: len(bytearray(mb << 20)), mb) for mb in (30, 100, 200, 2000)]))
"""
    assert [text[:6] for text in await told(source)] == ["did it", "did it", "did it", "Memory"]
    assert [text[:6] for text in await told(source, processes=4)] == ["did it", "Memory", "Memory", "Memory"]
    assert (await run_python("x = [0]\nwhile True: x += x")).why == "MemoryError"


@walled
async def test_the_disk_is_bounded_over_all_files() -> None:
    written, most = await told(
        """
import json, os
total, sizes = 0, []
try:
    for n in range(20):
        with open(str(n), "wb", 0) as file:
            for _ in range(5 << 4):
                total += file.write(bytes(1 << 16))
except OSError:
    pass
try:
    open("large", "wb", 0).truncate(5 << 20)
except OSError:
    sizes.append("refused")
print(json.dumps([total, sizes]))
""",
        disk_mb=4,
    )
    assert 3 << 20 < written <= 4 << 20
    assert most == ["refused"]


@pytest.mark.parametrize("to", ["stdout", "stderr"])
async def test_endless_output_is_cut_off(to: str) -> None:
    source = f"import sys\nwhile True:\n    sys.{to}.write('x' * 1000)"
    done = await run_python(source, limits=Limits(seconds=20, output_kb=8))
    assert (done.ok, done.why) == (False, "it wrote more than 8 KB")
    assert len(getattr(done, to)) == 8 << 10


async def test_endless_work_and_endless_sleep_are_ended() -> None:
    for source in (
        "while True: pass",
        "import time\ntime.sleep(1000)",
        "import os\nos.close(1); os.close(2)\nwhile 1: 1",
    ):
        assert (await run_python(source, limits=Limits(seconds=0.7))).why == "it took longer than 0.7 seconds"
    spent = await run_python("while True: pass", limits=Limits(seconds=60, cpu=1))
    assert spent.why == "it used more than 1 seconds of processor time"


async def test_input_that_nobody_reads_blocks_nothing() -> None:
    # Many at once, so that some write fails before what was printed is read: nothing of it may be lost.
    ended = await asyncio.gather(*(run_python("print('done')", stdin="x" * (4 << 20)) for _ in range(24)))
    assert {(one.ok, one.stdout) for one in ended} == {(True, "done\n")}


async def test_a_program_asks_and_the_host_answers() -> None:
    asked = []
    async with converse("total = 0\nfor n in range(3):\n    total += ask({'n': n})\nask(total)\nprint('end')") as talk:
        async for request in talk:
            asked.append(request)
            await talk.reply(request["n"] * 10 if isinstance(request, dict) else None)
    assert asked == [{"n": 0}, {"n": 1}, {"n": 2}, 30]
    assert talk.outcome == Outcome(True, "", "end\n")


async def conversation(source: str, **limits: Any) -> tuple[list[Any], Outcome]:
    asked: list[Any] = []
    async with converse(source, limits=Limits(**limits)) as talk:
        async for request in talk:
            asked.append(request)
            await talk.reply("x" * 100_000)
    assert talk.outcome is not None
    return asked, talk.outcome


RAW = """
import os
def raw(data):
    for fd in range(3, 12):
        try:
            os.write(fd, data)
        except OSError:
            pass
"""
"""Past ``ask``, to whatever pipe there is."""


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (RAW + r"raw(b'garbage\n')", "what it asked is no JSON: b'garbage"),
        (RAW + r"raw(b'\xff\xfe\x00\n')", "what it asked is no JSON"),
        (RAW + r"raw(b'[' * 60000 + b'\n')", "what it asked is no JSON: b'[[["),
        (RAW + r"raw(b'9' * 9000 + b'\n')", "what it asked is no JSON: b'999"),
        (RAW + r"""raw(b'"\\ud800"\n')""", "what it asked is no JSON"),
        (RAW + r"raw(b'!!python/object:os.system\n')", "what it asked is no JSON"),
        ("ask('x' * 1000000)", "it asked more than 64 KB at once"),
        (RAW + "while True: raw(b'x' * 5000)", "it asked more than 64 KB at once"),
        ("import time\ntime.sleep(100)", "it took longer than 1 seconds"),
        (RAW + "os.closerange(0, 3)\nos.closerange(3, 20)\nwhile True: pass", "it took longer than 1 seconds"),
        ("while True: print('x' * 1000)", "it wrote more than 64 KB"),
        ("import os\nos._exit(9)", "it ended with status 9"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "it was killed"),
        ("ask(float)", "TypeError: Object of type type is not JSON serializable"),
    ],
)
async def test_the_host_survives_whatever_is_asked(source: str, why: str) -> None:
    asked, outcome = await conversation(source, seconds=1 if "took longer" in why else 20)
    assert asked == [] or "raw" in source
    assert not outcome.ok and outcome.why.startswith(why), outcome


async def test_one_that_never_reads_the_replies_only_uses_up_its_own_time() -> None:
    asked, outcome = await conversation(RAW + r"while True: raw(b'1\n')", seconds=0.2)
    assert asked and set(asked) == {1}
    assert outcome.why == "it took longer than 0.2 seconds"


async def test_the_time_that_the_host_takes_is_not_counted() -> None:
    async with converse("print(ask(1) + ask(2))", limits=Limits(seconds=2)) as talk:
        async for request in talk:
            await asyncio.sleep(1.2)
            await talk.reply(request)
    assert talk.outcome == Outcome(True, "", "3\n")


async def test_leaving_the_block_ends_the_program() -> None:
    name = f"left-{os.getpid()}"
    source = f"open('/proc/self/comm', 'w').write('{name}')\nask(1)\nwhile True: pass"
    async with converse(source) as talk:
        assert await anext(talk) == 1
        (guest,) = called(name)
    await gone(guest)

    async def forever() -> None:
        async with converse(source) as talk:
            await anext(talk)
            await talk.reply(None)
            await anext(talk)

    task = asyncio.create_task(forever())
    guest = await appeared(name)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(guest)


def talking(source: str) -> subprocess.Popen[bytes]:
    """A host in a process of its own, which says when its guest has begun, and then waits for it."""
    program = f"""
import asyncio
from knowhow.environments.sandbox import Limits, converse

async def main():
    async with converse({source!r}, limits=Limits(seconds=60, cpu=60)) as talk:
        await anext(talk)
        await talk.reply(None)
        print("ready", flush=True)
        await anext(talk)

asyncio.run(main())
"""
    return subprocess.Popen(command(program), stdout=subprocess.PIPE)


@walled
async def test_no_guest_outlives_a_host_that_is_killed() -> None:
    name = f"orphan-{os.getpid()}"[:15]
    source = f"open('/proc/self/comm', 'w').write('{name}')\nask(1)\nwhile True: pass"
    host = talking(source)
    assert host.stdout is not None and host.stdout.readline() == b"ready\n"
    (guest,) = called(name)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    await gone(guest)


async def test_several_at_once_do_not_disturb_each_other() -> None:
    many = await asyncio.gather(*(conversation(f"ask({n})\nprint({n})") for n in range(6)))
    assert [(asked, outcome.stderr) for asked, outcome in many] == [([n], f"{n}\n") for n in range(6)]
