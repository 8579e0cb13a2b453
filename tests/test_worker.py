"""Engines in processes: what one does wrong costs its episode alone, and none outlives who asked for it."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from processes import command, gone

from knowhow.environments.errors import EngineFailed
from knowhow.environments.worker import Workers

ENGINE = """
import os, time

def prepare():
    global STARTED
    STARTED = os.getpid()

class Engine:
    def __init__(self):
        self.words = []

    def say(self, word):
        self.words.append(word)
        return self.words

    def pids(self):
        return [STARTED, os.getpid()]

    def wait_for(self, path):
        while not os.path.exists(path):
            time.sleep(0.01)
        return "seen"

    def fail(self):
        raise ValueError("no such thing")

    def die(self):
        os.abort()
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "engine.py"
    path.write_text(ENGINE)
    return path


@pytest.fixture
def workers(engine: Path) -> Workers:
    return Workers(engine, label="the test engine")


async def test_each_worker_is_a_process_of_its_own_forked_from_one_that_prepared_once(workers: Workers) -> None:
    async with workers.open() as one, workers.open() as other:
        (first, one_pid), (second, other_pid) = await asyncio.gather(one.ask("pids"), other.ask("pids"))
        await one.ask("say", "hello")
        assert await other.ask("say", "good day") == ["good day"]
        assert await one.ask("say", "again") == ["hello", "again"]
    assert first == second
    assert len({first, one_pid, other_pid, os.getpid()}) == 4


async def test_a_blocked_engine_blocks_neither_asyncio_nor_another_episode(workers: Workers, tmp_path: Path) -> None:
    async with workers.open() as blocked, workers.open() as free:
        waiting = asyncio.create_task(blocked.ask("wait_for", str(tmp_path / "signal")))
        assert await free.ask("say", "on we go") == ["on we go"]
        assert not waiting.done()
        (tmp_path / "signal").touch()
        assert await waiting == "seen"


async def test_an_error_of_the_engine_is_told_and_the_engine_goes_on(workers: Workers) -> None:
    async with workers.open() as worker:
        with pytest.raises(EngineFailed, match="the test engine failed at fail: ValueError: no such thing"):
            await worker.ask("fail")
        assert await worker.ask("say", "still here") == ["still here"]


async def test_a_process_that_dies_costs_its_episode_alone(workers: Workers) -> None:
    async with workers.open() as healthy, workers.open() as doomed:
        with pytest.raises(EngineFailed, match="the test engine is gone"):
            await doomed.ask("die")
        with pytest.raises(EngineFailed, match="open the episode again"):
            await doomed.ask("say", "anyone there?")
        assert await healthy.ask("say", "well") == ["well"]
    async with workers.open() as fresh:
        assert await fresh.ask("say", "new") == ["new"]


async def test_a_call_that_hangs_is_given_up(engine: Path, tmp_path: Path) -> None:
    async with Workers(engine, label="the test engine", seconds=1).open() as worker:
        with pytest.raises(EngineFailed, match="stuck for too long"):
            await worker.ask("wait_for", str(tmp_path / "never"))


async def test_the_process_that_is_forked_from_is_started_again_when_it_was_killed(workers: Workers) -> None:
    async with workers.open() as worker:
        server, _ = await worker.ask("pids")
        os.kill(server, signal.SIGKILL)
        assert await worker.ask("say", "not mine") == ["not mine"]
        await gone(server)
        async with workers.open() as other:
            assert (await other.ask("pids"))[0] != server


async def test_an_engine_that_cannot_be_prepared_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def prepare():\n    raise ImportError('no planner here')\n")
    async with Workers(tmp_path / "broken.py", label="the broken engine").open() as worker:
        with pytest.raises(EngineFailed, match="ImportError: no planner here"):
            await worker.ask("say", "hello")


async def test_a_process_ends_with_its_episode_even_if_cancelled_in_a_call(workers: Workers, tmp_path: Path) -> None:
    async def episode() -> None:
        async with workers.open() as worker:
            started.set_result((await worker.ask("pids"))[1])
            await worker.ask("wait_for", str(tmp_path / "signal"))

    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(episode())
    pid = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (tmp_path / "signal").touch()
    await gone(pid)


async def test_replies_of_any_size_come_through(workers: Workers) -> None:
    async with workers.open() as worker:
        assert await worker.ask("say", "é\n" * 500_000) == ["é\n" * 500_000]


def test_one_pool_serves_one_event_loop_after_another(workers: Workers) -> None:
    async def greet() -> list[str]:
        async with workers.open() as worker:
            return list(await worker.ask("say", "hello"))

    assert asyncio.run(greet()) == asyncio.run(greet()) == ["hello"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_process_that_asked_is_ended(how: signal.Signals, engine: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from knowhow.environments.worker import Workers

async def main():
    async with Workers(Path({str(engine)!r}), label="the test engine").open() as worker:
        print(*await worker.ask("pids"), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""
    # A session of its own, and the signal for all of it, as Ctrl-C in a terminal does it.
    with subprocess.Popen(command(program), stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        (os.killpg if how is signal.SIGINT else os.kill)(parent.pid, how)
        parent.wait(60)
    assert len(pids) == 2
    for pid in pids:
        asyncio.run(gone(pid))
