"""mem0 as its quick start has it: search for what is remembered, ask the model with that, and add what happened."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.asking import KEY, MODEL, Asked, Episode, main
from knowhow.evals.benches.beside.measuring import DIMENSIONS

OWNER = {"user_id": "agent"}


def opened(asked: Asked) -> Any:
    os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": str(asked.folder / "mem0"), "OPENAI_API_KEY": KEY}
    endpoint = {"openai_base_url": asked.url, "api_key": KEY}
    store = {"path": str(asked.folder / "qdrant"), "embedding_model_dims": DIMENSIONS, "on_disk": True}
    config = {
        "llm": {"provider": "openai", "config": {"model": MODEL, **endpoint}},
        "embedder": {"provider": "openai", "config": {"embedding_dims": DIMENSIONS, **endpoint}},
        "vector_store": {"provider": "qdrant", "config": store},
        "history_db_path": str(asked.folder / "history.db"),
    }
    return import_module("mem0").Memory.from_config(config)


def run(asked: Asked) -> dict[str, Any]:
    memory = opened(asked)
    client = import_module("openai").OpenAI(base_url=asked.url, api_key=KEY)

    def steps(episode: Episode) -> None:
        for seen in episode.observed[: asked.steps]:
            known = memory.search(seen, top_k=3, filters=OWNER)["results"]
            told = "\n".join(f"- {entry['memory']}" for entry in known)
            messages = [{"role": "system", "content": f"{episode.goal}\n{told}"}, {"role": "user", "content": seen}]
            client.chat.completions.create(model=MODEL, messages=messages)

    def update(episode: Episode) -> None:
        said = [{"role": "user", "content": episode.goal}, {"role": "assistant", "content": episode.text}]
        if not memory.add(said, **OWNER)["results"]:
            raise SystemExit("mem0 remembered nothing")

    return {
        "update": asked.timed(update, asked.episodes),
        "step": asked.timed(steps, asked.episodes[:4], asked.steps),
        "settings": "its quick start: search, the openai client, add; Qdrant in a folder",
    }


if __name__ == "__main__":
    main(run, "mem0ai", "qdrant-client")
