"""Knowhow: the episode graph with recall from a playbook, and Reflector, Curator and one batch in the journal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from knowhow.agents.episode import Agent, play
from knowhow.agents.model import Model, load_model
from knowhow.agents.types import Start
from knowhow.environments.text_world import ACT
from knowhow.environments.types import Environment, Feedback, Split, Suite, Task, Tool, ToolCall, Trajectory
from knowhow.evals.benches.beside.asking import MODEL, Asked, Episode, main
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.codec import decode
from knowhow.memory.recall import recall_of
from knowhow.memory.store import Memory


class Replayed(Suite):
    """A world that says what was observed, whatever is done."""

    name = "replayed"

    def __init__(self, episodes: Sequence[Episode], steps: int) -> None:
        self.episodes, self.max_steps = episodes, steps

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(str(n), self.name, split, "put", one.goal) for n, one in enumerate(self.episodes)]

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield Again(self.episodes[int(task.id)].observed)


class Again:
    tools: Sequence[Tool] = (ACT,)

    def __init__(self, observed: Sequence[str]) -> None:
        self.observed = iter(observed)

    async def reset(self) -> Feedback:
        return Feedback(next(self.observed))

    async def step(self, call: ToolCall) -> Feedback:
        return Feedback(next(self.observed))


def run(asked: Asked) -> dict[str, Any]:
    raw = json.loads(asked.file.read_text())["trajectories"][: asked.most]
    trajectories = [decode(Trajectory, one) for one in raw]
    model = load_model(f"{asked.url}#{MODEL}", retries=0)
    with Memory.open(asked.folder / "memory", create=True) as memory, asyncio.Runner() as runner:
        playbook = Playbook(memory, model)

        def update(trajectory: Trajectory) -> None:
            known = len(memory.items())
            memory.commit(runner.run(playbook.learn([trajectory])))
            if len(memory.items()) == known:
                raise SystemExit("Knowhow learned nothing")

        updated = asked.timed(update, trajectories)
        steps = _steps(asked, memory, playbook, model, runner)
        runner.run(model.aclose())
    return {
        "update": updated,
        "step": steps,
        "settings": "the episode graph, recall from the playbook; one reflection, one curation, one batch",
    }


def _steps(asked: Asked, memory: Memory, playbook: Playbook, model: Model, runner: asyncio.Runner) -> dict[str, float]:
    suite = Replayed(asked.episodes, asked.steps)
    attempt = play(suite, Agent(model, model.meter, recall_of(memory, [playbook])))

    async def play_it(task: Task) -> Trajectory:
        return await attempt(task, Start())

    def episode(task: Task) -> None:
        played = runner.run(play_it(task))
        if len(played.steps) != asked.steps:
            raise SystemExit(f"an episode ended after {len(played.steps)} steps: {played.error}")

    return asked.timed(episode, suite.tasks("train")[:4], asked.steps)


if __name__ == "__main__":
    main(run, "langgraph", "langchain-openai", "openai")
