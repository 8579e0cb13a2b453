"""Best of n by a trained verifier, beside one sample, a vote, and what choosing could win (V-STaR, arXiv 2402.06457).

    knowhow run --split train --episodes 100 --attempts 4 --model 'hf:runs/pocket?temperature=0.7' --out runs/pool
    python -m knowhow.evals.benches.verifier --pool runs/pool --base runs/pocket --tasks 60 --n 8

The verifier is trained on the pool's episodes. The pool's model then plays tasks of the test split ``n`` times each, in
the same world; every choice is among the same attempts. ``single`` is the mean over them, ``majority`` takes the first
of those that ended with the commonest last call, ``verifier`` the likeliest one, ``best`` one that won if any did.
Prints one JSON object; goes on where it was interrupted, in ``--out``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowhow.agents.metering import Meter
from knowhow.agents.model import Model, load_model
from knowhow.agents.verifying import likelihood
from knowhow.environments.calls import render_call
from knowhow.environments.types import Trajectory
from knowhow.evals.calibration import auroc
from knowhow.evals.folder import RunFolder, read_result
from knowhow.evals.run import resume, run
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import paired
from knowhow.evals.training import episodes_of
from knowhow.memory.episodes import Episodes
from knowhow.memory.journal import Journal
from knowhow.training.registry import Registry
from knowhow.training.settings import Tuning
from knowhow.training.train import plan, train


def trained(pool: Path, base: Path, tuning: Tuning, out: Path, suite: str) -> str:
    """The URI of the verifier."""
    made = plan(episodes_of(pool), "verifier", base, tuning, suite=open_suite(suite))
    out.mkdir(parents=True, exist_ok=True)
    with Journal.open(out / "journal.db", create=True) as journal:
        adapter = train(made, Registry(journal), out)
    return f"hf:{base}@{(out / adapter.path).resolve()}"


def played(pool: Path, out: Path, tasks: int, n: int, seed: int) -> list[Trajectory]:
    """``n`` attempts at each of so many test tasks, one task's after another."""
    with RunFolder.open(pool, lock=False) as folder:
        of_pool = folder.settings
    if not out.exists():
        settings = Settings(of_pool.suite, "test", of_pool.model, episodes=tasks, attempts=n, seed=seed, concurrency=16)
        asyncio.run(run(settings, out))
    elif read_result(out) is None:
        asyncio.run(resume(out))
    with Episodes.open(out) as episodes:
        return episodes.find("run")


def figures(groups: Sequence[Sequence[Trajectory]], scores: Sequence[Sequence[float]]) -> dict[str, Any]:
    """``groups``: the attempts at each task; ``scores``: what the verifier says of each, from 0 to 1."""
    won = [[float(one.success) for one in group] for group in groups]
    single = [sum(some) / len(some) for some in won]
    chosen = {
        "majority": [some[_majority(group)] for some, group in zip(won, groups, strict=True)],
        "verifier": [some[max(range(len(said)), key=said.__getitem__)] for some, said in zip(won, scores, strict=True)],
        "best": [max(some) for some in won],
    }
    told = {name: {"success": _mean(some), "less_single": paired(some, single)} for name, some in chosen.items()}
    return {
        "tasks": len(groups),
        "n": len(groups[0]),
        "single": _mean(single),
        **told,
        "verifier_less_majority": paired(chosen["verifier"], chosen["majority"]),
        "auroc": auroc([s for said in scores for s in said], [bool(w) for some in won for w in some]),
    }


def _majority(group: Sequence[Trajectory]) -> int:
    ends = [render_call(one.steps[-1].call) if one.steps and one.steps[-1].call else "" for one in group]
    return ends.index(Counter(ends).most_common(1)[0][0])


def _mean(numbers: Sequence[float]) -> float:
    return round(sum(numbers) / len(numbers), 4)


def all(options: argparse.Namespace) -> dict[str, Any]:
    with RunFolder.open(options.pool, lock=False) as folder:
        suite = folder.settings.suite
    tuning = Tuning(steps=options.steps, batch=options.batch, rate=options.rate, seed=options.seed)
    verifier = load_model(trained(options.pool, options.base, tuning, options.out, suite), meter=Meter())
    episodes = played(options.pool, options.out / "attempts", options.tasks, options.n, options.seed)
    groups = [episodes[at : at + options.n] for at in range(0, len(episodes), options.n)]
    return figures(groups, asyncio.run(scored(verifier, groups)))


async def scored(verifier: Model, groups: Sequence[Sequence[Trajectory]]) -> list[list[float]]:
    return [list(await asyncio.gather(*(likelihood(verifier, one) for one in group))) for group in groups]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pool", type=Path, required=True, help="a run folder with training episodes of a local model")
    parser.add_argument("--base", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--n", type=int, default=8, help="attempts at each task")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/verifier"))
    print(json.dumps(all(parser.parse_args())))


if __name__ == "__main__":
    main()
