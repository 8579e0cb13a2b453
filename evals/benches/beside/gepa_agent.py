"""gepa: its default adapter plays one example at a time, and an update is a run to the first prompt that solves it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.asking import KEY, MODEL, Asked, Episode, main
from knowhow.evals.benches.beside.stub import DONE

SEED = {"instructions": "You act in a household, one command a turn."}


def run(asked: Asked) -> dict[str, Any]:
    gepa = import_module("gepa")
    client = import_module("openai").OpenAI(base_url=asked.url, api_key=KEY)
    logger = type("Silent", (), {"log": lambda self, message: None})()

    def chat(messages: Sequence[dict[str, str]] | str) -> str:
        sent = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        reply = client.chat.completions.create(model=MODEL, messages=sent)
        return str(reply.choices[0].message.content)

    adapter = gepa.adapters.default_adapter.default_adapter.DefaultAdapter(model=chat)

    def steps(episode: Episode) -> None:
        for seen in episode.observed[: asked.steps]:
            adapter.evaluate([example(f"{episode.goal}\n{seen}", "")], SEED, capture_traces=True)

    def update(episode: Episode) -> None:
        found = gepa.optimize(
            SEED,
            [example(episode.goal, episode.text)],
            task_lm=chat,
            reflection_lm=chat,
            reflection_minibatch_size=1,
            cache_evaluation=True,
            max_metric_calls=20,
            stop_callbacks=gepa.ScoreThresholdStopper(1.0),
            logger=logger,
        )
        if found.best_candidate == SEED:
            raise SystemExit("gepa found no better prompt")

    return {
        "update": asked.timed(update, asked.episodes),
        "step": asked.timed(steps, asked.episodes[:4], asked.steps),
        "settings": "callables over the openai client; DefaultAdapter; one training example, minibatch 1, cached "
        "evaluations, stopped at the first prompt that solves it",
    }


def example(text: str, context: str) -> dict[str, Any]:
    return {"input": text, "additional_context": {"attempt": context} if context else {}, "answer": DONE}


if __name__ == "__main__":
    main(run, "gepa", "openai")
