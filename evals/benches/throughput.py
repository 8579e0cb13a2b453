"""How close episodes at a time come to the ideal, with a model that takes 200 ms and a world that takes nothing.

    python -m knowhow.evals.benches.throughput

Plays episodes of ``--steps`` steps, 1, 16 and 64 at a time and ``--waves`` times as many in all, as ``knowhow run``
does: metered model, episode graph, episodes stored. In the ideal, every step takes the model's 200 ms and nothing else,
however many play. The numbers take turns; prints one JSON object: per number, the median share of the ideal throughput
that was reached (1 is ideal), its episodes a second, and the processor time (ms) that a step took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from knowhow.agents.metering import Meter
from knowhow.agents.model import Model
from knowhow.agents.prices import free
from knowhow.agents.retries import Retries
from knowhow.evals.benches.episode_overhead import REPLY, Road
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Silent


class Slow(BaseChatModel):
    """Says always the same after ``latency_s`` seconds."""

    latency_s: float

    @property
    def _llm_type(self) -> str:
        return "slow"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, Any]:
        return self.bind(tools=tools)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("this model is asked asynchronously")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        await asyncio.sleep(self.latency_s)
        return ChatResult(generations=[ChatGeneration(message=REPLY.model_copy())])


async def seconds(at_once: int, episodes: int, steps: int, latency_s: float) -> tuple[float, float]:
    """How long ``episodes`` take, ``at_once`` at a time, by the clock and of the processor."""
    chat, meter = Slow(latency_s=latency_s), Meter()
    model = Model(
        "slow",
        chat,
        lambda: chat,
        price=free,
        meter=meter,
        text_tools=False,
        cache=None,
        retries=Retries(),
        timeout_s=60,
    )
    suite = Road(steps)
    with TemporaryDirectory() as scratch:
        settings = Settings(suite=suite.name, model="slow", episodes=episodes, concurrency=at_once)
        with RunFolder.create(Path(scratch) / "run", "run", settings) as folder:
            stage, todo = Stage(folder, suite, model, Silent()), jobs(draw(suite, "train", episodes, 0), 0)
            began, worked = perf_counter(), process_time()
            played = await stage.play("run", 0, todo)
            taken = perf_counter() - began, process_time() - worked
    assert sum(len(trajectory.steps) for trajectory in played) == episodes * steps == meter.total.calls
    return taken


async def measure(numbers: list[int], waves: int, steps: int, turns: int, latency_s: float) -> dict[str, Any]:
    await seconds(1, 1, 2, 0.0)
    timed = [{n: await seconds(n, waves * n, steps, latency_s) for n in numbers} for _ in range(turns)]
    ideal = waves * steps * latency_s
    return {
        str(n): {
            "share_of_ideal": round(median(ideal / turn[n][0] for turn in timed), 3),
            "episodes_per_second": round(median(waves * n / turn[n][0] for turn in timed), 2),
            "cpu_ms_per_step": round(median(1000 * turn[n][1] / (waves * n * steps) for turn in timed), 2),
        }
        for n in numbers
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 16, 64], help="concurrent episodes")
    parser.add_argument("--waves", type=int, default=3, help="episodes in all, as a multiple")
    parser.add_argument("--steps", type=int, default=20, help="of an episode")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.2, help="of the model, in seconds")
    options = parser.parse_args()
    figures = asyncio.run(measure(options.at_once, options.waves, options.steps, options.turns, options.latency))
    print(json.dumps({**vars(options), "at_once": figures}))


if __name__ == "__main__":
    main()
