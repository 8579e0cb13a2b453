"""What it costs to play episodes by Ray instead of here, and what more processes bring.

    python -m knowhow.evals.benches.ray_overhead

The novice plays household tasks, as ``knowhow run`` does: episodes stored, a memory recalled from. Three ways take
turns: in this process, by one Ray worker, by as many as ``--workers`` says; Ray has started and every worker has played
before the clock runs. Prints one JSON object: the medians, for each way, of episodes a second and of the processor time
(ms) that an episode costs this process and (on Linux) the workers. On a machine with other work, only the latter tells.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage, open_mind, open_stage
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Silent
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Op

LESSONS = 50


def filled(folder: Path) -> Memory:
    memory = Memory.open(folder, create=True)
    fields = {"kind": "playbook", "status": "active", "data": {"section": "strategies"}}
    texts = [f"Look into container {number} before the next one." for number in range(LESSONS)]
    memory.commit([Edit(Op.ADD, f"str-{n:05d}", {**fields, "text": text}) for n, text in enumerate(texts)])
    return memory


class Workers(logging.Handler):
    """The processes of workers that get ready, and the processor time (seconds) that they have had."""

    def __init__(self) -> None:
        super().__init__()
        self.pids: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.pids += [record.said["pid"]] if record.getMessage() == "a worker is ready" else []  # type: ignore[attr-defined]

    def seconds(self) -> float:
        stats = [path for pid in self.pids if (path := Path(f"/proc/{pid}/stat")).exists()]
        fields = [path.read_text().rpartition(")")[2].split() for path in stats]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")


async def round_of(
    stage: Stage, memory: Memory, workers: Workers, name: str, episodes: int
) -> tuple[float, float, float]:
    """The seconds that so many episodes take: by the clock, of this process's and of the workers' processor time."""
    recall = open_mind(stage.settings, ["playbook"], memory, stage.model, stage.suite).recall
    todo = jobs(draw(stage.suite, "train", episodes, 0), 0)
    began, worked, helped = perf_counter(), process_time(), workers.seconds()
    played = await stage.play(name, 0, todo, recall, memory.version)
    assert len(played) == episodes and not any(one.error for one in played)
    return perf_counter() - began, process_time() - worked, workers.seconds() - helped


async def measure(ways: dict[str, str], episodes: int, rounds: int, concurrency: int) -> dict[str, dict[str, float]]:
    taken: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    workers = {way: Workers() for way in ways}
    log = logging.getLogger("knowhow")
    log.setLevel(logging.INFO)
    with TemporaryDirectory() as scratch, ExitStack() as stack:
        memory = stack.enter_context(filled(Path(scratch) / "memory"))
        stages = {}
        for way, engine in ways.items():
            settings = Settings(episodes=episodes, concurrency=concurrency, engine=engine)
            folder = RunFolder.create(Path(scratch) / way, "run", settings)
            stages[way] = open_stage(stack.enter_context(folder), Silent())
            log.addHandler(workers[way])
            await round_of(stages[way], memory, workers[way], "warm", 2 * concurrency)
            log.removeHandler(workers[way])
        for number in range(rounds):
            for way, stage in stages.items():
                taken[way].append(await round_of(stage, memory, workers[way], f"round {number}", episodes))
    return {
        way: {
            "episodes_per_second": round(episodes / median(clock for clock, *_ in times), 2),
            "cpu_ms_per_episode_here": round(1000 * median(worked for _, worked, _ in times) / episodes, 1),
            "cpu_ms_per_episode_there": round(1000 * median(helped for *_, helped in times) / episodes, 1),
        }
        for way, times in taken.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--episodes", type=int, default=40, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=8, help="episodes at a time")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    ways = {"local": "local", "ray_1": "ray(workers=1)", "ray_all": f"ray(workers={options.workers})"}
    figures = asyncio.run(measure(ways, options.episodes, options.rounds, options.concurrency))
    print(json.dumps({**vars(options), "cores": os.cpu_count(), "load": os.getloadavg()[0], **figures}))


if __name__ == "__main__":
    main()
