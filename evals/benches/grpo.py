"""What GRPO makes of a small model: the outcomes of its episodes over the updates, under several settings.

    python -m knowhow.evals.benches.grpo --base runs/pocket --start runs/finetune/adapters/ada-00001/adapter
    python -m knowhow.evals.benches.grpo --base runs/able --memory runs/skills --most-steps 16 \\
        --arms skill_bonus=0 skill_bonus=0.5

From the adapter ``--start`` on, or from the base, it plays tasks made to ``--design``, in groups of attempts, once for
each seed and each of ``--arms``, which are settings of the recipe (``beta=0``: nothing holds it to where it began),
with what a ``--memory`` recalls. Prints one JSON object: for each arm the mean outcome and the share of episodes won by
an ability of memory in the first and in the last ``--window`` updates by seed, what was gained, and the gain less the
first arm's, with 95% intervals by Student's t over the seeds; and how far the last updates are from the start (KL
divergence in nats a token). ``curves`` holds every update. What is in ``--out`` already is not trained again; a
training that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from knowhow.agents.types import Recall, nothing
from knowhow.environments.discover import parse
from knowhow.environments.suites.household import Household
from knowhow.evals.folder import write_json
from knowhow.evals.run import mind_of
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_model
from knowhow.evals.stats import over_runs
from knowhow.training.recipe import Job
from knowhow.training.reinforcing import Reinforcement, reinforce
from knowhow.training.settings import Tuning

Curves = dict[str, list[float]]
DESIGN = '{"kinds": {"put": 1}, "pieces": [8, 10], "clutter": 0.3}'


def curves(options: argparse.Namespace, arm: str, seed: int) -> Curves:
    """What ``reinforce`` tells of every update, from the folder where it is there."""
    folder: Path = options.out / f"{arm}-seed-{seed}"
    kept = folder / "measured.json"
    if not kept.exists():
        with recalling(options) as recall:
            write_json(kept, trained(options, folder, arm, seed, recall))
        for path in folder.glob("checkpoint-*"):
            shutil.rmtree(path)
    found: Curves = json.loads(kept.read_text())
    return found


@contextmanager
def recalling(options: argparse.Namespace) -> Iterator[Recall]:
    """What the memory of ``--memory`` gives."""
    if options.memory is None:
        yield nothing
        return
    settings = Settings(memory_tokens=options.memory_tokens)
    with mind_of(options.memory, settings, open_model(settings), Household()) as mind:
        yield mind.recall


def trained(options: argparse.Namespace, folder: Path, arm: str, seed: int, recall: Recall) -> dict[str, Any]:
    def told(step: int, steps: int, _: float) -> None:
        print(f"\r{arm}, seed {seed}: update {step} of {steps}", end="", file=sys.stderr, flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    suite = Household()
    tasks = suite.designed(json.loads(options.design), options.tasks, seed)
    given = parse(f"grpo({arm})")[1]
    settings = Reinforcement(options.group, temperature=options.temperature, most_steps=options.most_steps, seed=seed)
    tuning = Tuning(steps=options.steps, batch=options.batch, rate=options.rate, seed=seed, save_every=10)
    job = Job(options.base, folder, tuning, options.start, suite, recall, told)
    measured = reinforce(job, suite, tasks, replace(settings, **given))
    print(file=sys.stderr)
    return {name: measured[name] for name in ("outcomes", "abilities", "kls", "seconds")}


def told(found: Sequence[Curves], base: Sequence[dict[str, list[float]]], window: int) -> dict[str, Any]:
    gained = [one - other for one, other in zip(gains(found, window), gains(base, window), strict=True)]
    return {
        **{name: ends(found, name, window) for name in ("outcomes", "abilities")},
        "gained": over_runs(gains(found, window)),
        **({} if found is base else {"gained_less_first": over_runs(gained)}),
        "kl": [round(fmean(one["kls"][-window:]), 4) for one in found if one["kls"]],
        "curves": {name: [one[name] for one in found] for name in ("outcomes", "abilities")},
    }


def ends(found: Sequence[Curves], name: str, window: int) -> dict[str, list[float]]:
    """By seed, the means of the first and of the last updates."""
    parts = {"first": slice(window), "last": slice(-window, None)}
    return {end: [round(fmean(one[name][part]), 3) for one in found] for end, part in parts.items()}


def gains(found: Sequence[Curves], window: int) -> list[float]:
    return [fmean(one["outcomes"][-window:]) - fmean(one["outcomes"][:window]) for one in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--start", type=Path, help="the folder of an adapter of the base to go on from")
    parser.add_argument("--arms", nargs="+", default=["beta=0.02", "beta=0"], help="settings of the recipe each")
    parser.add_argument("--memory", type=Path, help="a run folder whose memory the episodes have")
    parser.add_argument("--memory-tokens", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--steps", type=int, default=60, help="updates of each training")
    parser.add_argument("--batch", type=int, default=2, help="groups an update")
    parser.add_argument("--group", type=int, default=4, help="attempts at a task")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--most-steps", type=int, default=12, help="actions of an episode, those of abilities too")
    parser.add_argument("--tasks", type=int, default=60, help="training tasks that are made")
    parser.add_argument("--design", default=DESIGN, help="what they are made to, as JSON")
    parser.add_argument("--window", type=int, default=15, help="updates of which the first and last are the means")
    parser.add_argument("--out", type=Path, default=Path("runs/grpo"))
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.seeds)
    found = {arm: [curves(options, arm, seed) for seed in seeds] for arm in options.arms}
    first = found[options.arms[0]]
    arms = {arm: told(own, first, options.window) for arm, own in found.items()}
    settings = {name: str(value) for name, value in vars(options).items() if name != "out"}
    print(json.dumps({"arms": arms, "settings": settings}))


if __name__ == "__main__":
    main()
