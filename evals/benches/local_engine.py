"""What the engine of local models answers in a second, and what keeping what was read and going together are worth.

    python -m knowhow.evals.benches.local_engine PATH

``PATH`` is a transformers model, such as a pocket model. Plays ``--episodes`` conversations of ``--turns`` turns: the
prompt starts with ``--first`` tokens and grows by ``--more`` a turn, a reply has ``--reply`` tokens. Four ways are
measured: many at a time or one by one, each with what was read kept, or read again every turn. Prints one JSON object:
of each way the replies a second of the clock and of processor time, and the share of prompt tokens not computed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from knowhow.agents.local.engine import KEPT_BYTES, Engine
from knowhow.agents.local.types import Generated, Sampling

WAYS = {
    "together, kept": (0, KEPT_BYTES),
    "one by one, kept": (1, KEPT_BYTES),
    "together, read again": (0, 0),
    "one by one, read again": (1, 0),
}
"""How many at a time (0: as many as are asked for), and how many bytes are kept."""


async def conversation(engine: Engine, number: int, asked: argparse.Namespace) -> list[Generated]:
    """All replies of one, over random tokens."""
    draw = random.Random(number)
    highest = min(len(engine.tokenizer), 2000)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(highest) for _ in range(count)]

    prompt, replies = tokens(asked.first), []
    for turn in range(asked.turns):
        replies.append(await engine.generate(prompt, Sampling(max_tokens=asked.reply, seed=turn)))
        prompt = [*prompt, *replies[-1].ids, *tokens(asked.more)]
    return replies


async def played(engine: Engine, together: int, asked: argparse.Namespace) -> list[Generated]:
    limit = asyncio.Semaphore(together)

    async def one(number: int) -> list[Generated]:
        async with limit:
            return await conversation(engine, number, asked)

    return [reply for replies in await asyncio.gather(*map(one, range(asked.episodes))) for reply in replies]


def measured(path: Path, together: int, kept_bytes: int, asked: argparse.Namespace) -> dict[str, float]:
    engine = Engine(path, kept_bytes=kept_bytes)
    clock, processor = perf_counter(), process_time()
    replies = asyncio.run(played(engine, together, asked))
    seconds, busy = perf_counter() - clock, process_time() - processor
    engine.close()
    prompt = sum(len(reply.prompt) for reply in replies)
    return {
        "replies_a_second": round(len(replies) / seconds, 1),
        "replies_a_processor_second": round(len(replies) / busy, 1),
        "not_computed": round(sum(reply.cached for reply in replies) / prompt, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    for name, value in {"episodes": 8, "together": 8, "turns": 20, "first": 300, "more": 100, "reply": 10}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    ways: dict[str, Any] = {
        way: measured(asked.path, at_a_time or asked.together, kept, asked) for way, (at_a_time, kept) in WAYS.items()
    }
    print(json.dumps({"model": str(asked.path), "ways": ways}))


if __name__ == "__main__":
    main()
