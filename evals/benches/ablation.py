"""What each bank is worth: none, each alone, all together, on the same tasks and seeds.

    python -m knowhow.evals.benches.ablation --suite household --out runs/ablation

Each memory evolves on the training split in a run folder of its own, and then plays unseen tasks of the test split,
the same ones with the same seeds for all. Prints one JSON object: for each memory success with its interval, the
difference in success from no memory, and from ``--beside`` (the playbook), paired by task and seed, with a bootstrap
interval; steps (the agent's decisions), actions (the environment's calls), model calls and tokens an episode. Folders
that are there already are gone on with, so that a bench that was interrupted loses nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowhow.environments.discover import names
from knowhow.evals import learn
from knowhow.evals.folder import read_result
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.stage import BANKS
from knowhow.evals.stats import paired
from knowhow.memory.episodes import Episodes, Summary

PHASE = "run"


def memories(banks: Sequence[str]) -> dict[str, str]:
    """What is compared: no memory, each bank alone, and all."""
    return {"none": "none", **{bank: bank for bank in banks}, "all": ", ".join(banks)}


async def played(name: str, banks: str, settings: dict[str, Any], tested: int, out: Path) -> list[Summary]:
    """The test episodes with the memory of these banks, evolved first where that was not done yet."""
    learned, used = out / name, out / f"{name}-test"
    if banks != "none" and read_result(learned) is None:
        say(f"{name}: evolving")
        begun = (learned / "run.json").exists()
        await (learn.resume(learned) if begun else learn.start(Settings(memory=banks, **settings), learned))
    if read_result(used) is None:
        say(f"{name}: {tested} test episodes")
        memory = "none" if banks == "none" else str(learned)
        shared = {key: settings[key] for key in ("suite", "model", "seed", "concurrency")}
        await run(Settings(memory=memory, split="test", episodes=tested, **shared), used)
    with Episodes.open(used) as episodes:
        return episodes.summaries(PHASE)


def told(name: str, own: Sequence[Summary], none: Sequence[Summary], beside: Sequence[Summary], out: Path) -> Any:
    n = len(own)
    result = read_result(out / f"{name}-test") or {}
    rewards = [[float((row.reward or 0) >= 1) for row in rows] for rows in (own, none, beside)]
    return {
        "success": result["success_rate"],
        "ci95": result["ci95"],
        "less_none": paired(rewards[0], rewards[1]),
        "less_beside": paired(rewards[0], rewards[2]),
        "steps": round(sum(row.steps for row in own) / n, 2),
        "actions": round(sum(row.actions for row in own) / n, 2),
        "calls": round(sum(row.usage.calls for row in own) / n, 2),
        "tokens": round(sum(row.usage.tokens for row in own) / n),
    }


async def compare(options: argparse.Namespace) -> dict[str, Any]:
    fixed = ("suite", "model", "seed", "concurrency", "episodes", "rounds", "validation")
    settings = {key: getattr(options, key) for key in fixed}
    asked = memories(options.banks)
    rows = {name: await played(name, banks, settings, options.tested, options.out) for name, banks in asked.items()}
    beside = rows.get(options.beside, rows["none"])
    table = {name: told(name, own, rows["none"], beside, options.out) for name, own in rows.items()}
    return {**settings, "tested": options.tested, "beside": options.beside, "memories": table}


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="household")
    parser.add_argument("--model", default="novice")
    parser.add_argument("--banks", nargs="+", default=names(BANKS), help="banks to compare, with their settings")
    parser.add_argument("--beside", default="playbook", help="the memory that the others are compared with")
    parser.add_argument("--episodes", type=int, default=200, help="training episodes")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--validation", type=int, default=50)
    parser.add_argument("--tested", type=int, default=100, help="test episodes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    print(json.dumps(asyncio.run(compare(parser.parse_args()))))


if __name__ == "__main__":
    main()
