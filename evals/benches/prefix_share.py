"""How much of a prompt is, from its beginning on, what the episode's last call had sent: what a prefix cache can save.

    python -m knowhow.evals.benches.prefix_share

On each suite the ``novice`` learns a playbook, and then plays unseen tasks with it, by each method. A prompt is
measured in characters of its serialised form: the tools first, then each message in OpenAI's format, which is how the
providers' caches order them. Of every call but an episode's first, the part that it has in common with the call before
is counted; the share is that of all such characters together. Caches keep whole blocks, so that ``in_blocks`` rounds
each common part down to blocks of 16 tokens (vLLM's), at four characters a token.

Prints one JSON object; exits with 1 where a share is below 85%.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from os.path import commonprefix
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import AIMessage, convert_to_openai_messages

from knowhow.agents.compose import compose
from knowhow.agents.episode import Agent
from knowhow.agents.metering import CHARACTERS_PER_TOKEN
from knowhow.agents.model import load_model
from knowhow.agents.types import Decider, Start, Turn
from knowhow.evals import learn
from knowhow.evals.run import open_memory_of
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_mind, open_suite
from knowhow.evals.tasks import draw, jobs

WANTED = 0.85
BLOCK = 16 * CHARACTERS_PER_TOKEN
METHODS = {"react": "", "self_refine": "self_refine", "self_consistency": "self_consistency(n=3)"}
SUITES = ("household", "bash")


def serialised(turn: Turn) -> str:
    """The tools, then the messages: each on a line of its own, with nothing that depends on what follows."""
    messages = convert_to_openai_messages(list(turn.messages))
    return "\n".join(json.dumps(part) for part in (list(turn.tools), *messages))


def common(prompts: Iterable[str], block: int = 1) -> tuple[int, int]:
    """Of all prompts but the first: the characters in common with the prompt before, in whole blocks, and all."""
    pairs = list(pairwise(prompts))
    shared = sum(len(commonprefix(pair)) // block * block for pair in pairs)  # noqa: RUF071 - by characters is meant
    return shared, sum(len(later) for _, later in pairs)


def share(episodes: Sequence[Sequence[str]], block: int = 1) -> float | None:
    """The share in [0, 1] over the prompts of several episodes; None where no episode made a second call."""
    counted = [common(prompts, block) for prompts in episodes]
    total = sum(of for _, of in counted)
    return sum(shared for shared, _ in counted) / total if total else None


def noting(decide: Decider, prompts: list[str]) -> Decider:
    async def noted(turn: Turn) -> AIMessage:
        prompts.append(serialised(turn))
        return await decide(turn)

    return noted


async def measure(run: Path, method: str, episodes: int) -> dict[str, Any]:
    """The share over test episodes with the playbook of the run folder ``run``, played one after the other."""
    with open_memory_of(str(run)) as memory:
        settings = Settings(**json.loads((run / "run.json").read_text())["settings"])
        suite, model = open_suite(settings.suite), load_model(settings.model)
        recall = open_mind(settings, ["playbook"], memory, model, suite).recall
        played: list[list[str]] = []
        for job in jobs(draw(suite, "test", episodes, settings.seed), settings.seed, "prefix"):
            played.append([])
            agent = Agent(noting(model, played[-1]), model.meter, recall, settings.model)
            await compose(suite, agent, method)(job.task, Start(job.seed))
    return {
        "share": _rounded(share(played)),
        "in_blocks": _rounded(share(played, BLOCK)),
        "episodes": len(played),
        "calls_an_episode": round(sum(map(len, played)) / len(played), 1),
        "characters_a_prompt": round(sum(len(prompt) for prompt in _flat(played)) / len(list(_flat(played)))),
    }


def _flat(played: Sequence[Sequence[str]]) -> Iterator[str]:
    return (prompt for prompts in played for prompt in prompts)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


async def learned(suite: str, episodes: int, out: Path) -> Path:
    """The run folder in which the novice learned a playbook on this suite."""
    rounds, validation = 4, 20
    await learn.start(
        Settings(suite=suite, memory="playbook", episodes=episodes, rounds=rounds, validation=validation), out
    )
    return out


async def compare(suites: Sequence[str], learning: int, episodes: int, folder: Path) -> dict[str, Any]:
    runs = {suite: await learned(suite, learning, folder / suite) for suite in suites}
    return {
        suite: {name: await measure(run, method, episodes) for name, method in METHODS.items()}
        for suite, run in runs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--suites", nargs="+", default=list(SUITES))
    parser.add_argument("--learning", type=int, default=200, help="training episodes, from which the playbook comes")
    parser.add_argument("--episodes", type=int, default=30, help="that are measured, a suite and method")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        found = asyncio.run(compare(options.suites, options.learning, options.episodes, Path(folder)))
    low = [f"{suite}, {name}" for suite, rows in found.items() for name, row in rows.items() if _low(row["share"])]
    print(json.dumps({"measured_in": "characters of tools and messages", "wanted": WANTED, **found, "below": low}))
    raise SystemExit(1 if low else 0)


def _low(share: float | None) -> bool:
    return share is not None and share < WANTED


if __name__ == "__main__":
    main()
