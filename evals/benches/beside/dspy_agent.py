"""dspy: its ReAct over one tool, and BootstrapFewShot over one example."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.asking import KEY, MODEL, Asked, Episode, main


def run(asked: Asked) -> dict[str, Any]:
    dspy = import_module("dspy")
    dspy.configure(lm=dspy.LM(f"openai/{MODEL}", api_base=asked.url, api_key=KEY, cache=False))
    seen: list[str] = []

    def act(command: str) -> str:
        """Send one command."""
        return seen.pop(0)

    agent = dspy.ReAct("task -> outcome", tools=[act], max_iters=asked.steps)

    def steps(episode: Episode) -> None:
        seen[:] = episode.observed[1 : asked.steps + 1]
        agent(task=f"{episode.goal}\n{episode.observed[0]}")
        if seen:
            raise SystemExit(f"dspy stopped {len(seen)} steps early")

    def update(episode: Episode) -> None:
        taught = dspy.Example(attempt=episode.text, task=episode.goal).with_inputs("task", "attempt")
        student = dspy.Predict("task, attempt -> lesson")
        made = dspy.BootstrapFewShot(metric=lambda *_: True, max_bootstrapped_demos=1, max_labeled_demos=0)
        if not made.compile(student, trainset=[taught]).demos:
            raise SystemExit("dspy kept no demonstration")

    return {
        "update": asked.timed(update, asked.episodes),
        "step": asked.timed(steps, asked.episodes[:4], asked.steps + 1),
        "settings": "ReAct; BootstrapFewShot with one demonstration, its fastest optimizer; cache off",
    }


if __name__ == "__main__":
    main(run, "dspy")
