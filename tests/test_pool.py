"""Pooled engines: the next episode gets the same process, a failed one is never used again, and all end in the end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
from pathlib import Path

import pytest
from processes import command, gone, runs

from knowhow.environments.errors import EngineFailed
from knowhow.environments.pool import Pool
from knowhow.environments.worker import Worker, Workers, at_once

ENGINE = """
import os, time

def prepare():
    pass

class Engine:
    def pid(self):
        return os.getpid()

    def fail(self):
        raise ValueError("no such thing")

    def wait_for(self, path):
        while not os.path.exists(path):
            time.sleep(0.01)

    def die(self):
        os.abort()

    def once(self, path):
        if not os.path.exists(path):
            open(path, "w").close()
            os.abort()
        return "done"
"""


@pytest.fixture
def workers(tmp_path: Path) -> Workers:
    (tmp_path / "engine.py").write_text(ENGINE)
    return Workers(tmp_path / "engine.py", label="the test engine")


async def pid_of(pool: Pool) -> int:
    async with pool.open() as worker:
        return int(await worker.ask("pid"))


async def test_a_process_is_used_again_but_never_twice_at_once(workers: Workers) -> None:
    pool = Pool(workers)
    first = await pid_of(pool)
    async with pool.open() as one, pool.open() as other:
        pids = {await one.ask("pid"), await other.ask("pid")}
    assert first in pids and len(pids) == 2
    assert {await pid_of(pool), await pid_of(pool)} <= pids


async def test_one_that_died_while_it_waited_is_not_handed_out(workers: Workers) -> None:
    pool = Pool(workers)
    waiting = await pid_of(pool)
    os.kill(waiting, signal.SIGKILL)
    await gone(waiting)
    assert await pid_of(pool) != waiting


async def test_a_question_is_asked_again_where_an_engine_dies_but_not_for_ever(
    workers: Workers, tmp_path: Path
) -> None:
    pool = Pool(workers)
    assert await pool.ask("once", str(tmp_path / "asked")) == "done"
    with pytest.raises(EngineFailed, match="the test engine is gone"):
        await pool.ask("die")
    with pytest.raises(EngineFailed, match="no such thing"):
        await pool.ask("fail")


async def test_at_most_so_many_are_kept_and_each_for_so_many_episodes(workers: Workers) -> None:
    pool = Pool(workers, kept=1, uses=2)
    async with pool.open() as one, pool.open() as other:
        pids = [await one.ask("pid"), await other.ask("pid")]
    kept = await pid_of(pool)
    dropped = next(pid for pid in pids if pid != kept)
    await gone(dropped)
    await gone(kept)  # that was its second episode
    assert await pid_of(pool) not in pids


async def test_one_that_failed_in_an_episode_is_not_used_again(workers: Workers) -> None:
    pool = Pool(workers)
    first = await pid_of(pool)
    with pytest.raises(EngineFailed, match="no such thing"):
        async with pool.open() as worker:
            await worker.ask("fail")
    await gone(first)
    assert await pid_of(pool) != first


async def test_one_that_died_failed_or_was_left_at_work_is_not_used_again_though_nothing_was_raised(
    workers: Workers, tmp_path: Path
) -> None:
    pool = Pool(workers)

    async def left(worker: Worker) -> None:
        waiting = asyncio.create_task(worker.ask("wait_for", str(tmp_path / "never")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])

    async def died(worker: Worker) -> None:
        with pytest.raises(EngineFailed):
            await worker.ask("die")

    async def failed(worker: Worker) -> None:
        with pytest.raises(EngineFailed):
            await worker.ask("fail")

    for spoil in (left, died, failed):
        before = await pid_of(pool)
        async with pool.open() as worker:
            await spoil(worker)
        assert await pid_of(pool) != before


async def test_they_end_with_the_pool(workers: Workers) -> None:
    pool = Pool(workers)
    pid = await pid_of(pool)
    assert runs(pid)
    del pool
    gc.collect()
    await gone(pid)


async def test_they_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "engine.py").write_text(ENGINE)
    program = f"""
import asyncio, signal
from pathlib import Path
from knowhow.environments.pool import Pool
from knowhow.environments.worker import Workers

pool = Pool(Workers(Path({str(tmp_path / "engine.py")!r}), label="it"))

async def pid():
    async with pool.open() as worker:
        return await worker.ask("pid")

print(asyncio.run(pid()), asyncio.run(pid()), flush=True)
signal.pause()
"""
    process = await asyncio.create_subprocess_exec(*command(program), stdout=subprocess.PIPE)
    assert process.stdout is not None
    first, second = (int(pid) for pid in (await process.stdout.readline()).split())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert first == second, "another event loop gets the same process"
    await gone(first)


async def test_who_cannot_await_may_ask_at_once_inside_a_running_loop(workers: Workers) -> None:
    pool = Pool(workers)
    assert at_once(pid_of(pool)) == await pid_of(pool)
