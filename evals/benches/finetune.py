"""What each recipe makes of the same episodes: success on unseen tasks with its adapter, beside the base.

    python -m knowhow.evals.benches.finetune --base runs/pocket --recipes "sft;weighted;dpo" --tasks 100 --attempts 4
    python -m knowhow.evals.benches.finetune --base runs/pocket --recipes sft --rounds 3
    python -m knowhow.evals.benches.finetune --recipes context_distillation --memory runs/pocket-memory

The base plays training tasks, each several times in the same world; every recipe trains on these episodes, with as many
updates (``leap``: in each of its stages). In a further round the last adapter plays other tasks, and the base is
trained anew on what came of all rounds (ReST-EM, arXiv 2312.06585). All are tested on the same tasks and seeds of the
test split, at the temperature given. With ``--memory`` the training episodes have that memory in their prompts, and so
has the base in one more test (``remembering``), or everything that is tested (``--remember``). Prints one JSON object.
Goes on where it was interrupted, in ``--out``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowhow.environments.types import Trajectory, Usage
from knowhow.evals.folder import read_result
from knowhow.evals.pocket import MEMORY_TOKENS
from knowhow.evals.routing import uri
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.stage import open_suite
from knowhow.evals.stats import paired, wilson
from knowhow.memory.episodes import Episodes
from knowhow.memory.journal import Journal
from knowhow.training.registry import Registry
from knowhow.training.settings import Tuning
from knowhow.training.train import plan, train
from knowhow.training.types import Adapter


@dataclass(frozen=True)
class Bench:
    """The settings of the bench."""

    suite: str
    base: Path
    out: Path
    tasks: int
    attempts: int
    test: int
    temperature: float
    tuning: Tuning
    seed: int
    memory: Path | None = None
    remember: bool = False

    @property
    def model(self) -> str:
        return f"hf:{self.base}?temperature={self.temperature}"

    async def played(
        self, name: str, model: str, split: str, episodes: int, attempts: int, seed: int, memory: Path | None = None
    ) -> list[Trajectory]:
        """The episodes of a run, stored ones as they are."""
        folder = self.out / name
        if not folder.exists() or read_result(folder) is None:
            settings = Settings(
                self.suite,
                split,
                model,
                episodes=episodes,
                memory=str(memory) if memory else "none",
                memory_tokens=MEMORY_TOKENS,
                attempts=attempts,
                seed=seed,
                concurrency=32,
            )
            shutil.rmtree(folder, ignore_errors=True)
            await run(settings, folder)
            print(f"played {name}", file=sys.stderr)
        with Episodes.open(folder) as episodes_:
            return episodes_.find("run")

    async def tested(self, name: str, model: str) -> list[Trajectory]:
        memory = self.memory if self.remember else None
        folder = f"test-{name}{'-remembering' if memory else ''}"
        return await self.played(folder, model, "test", self.test, 1, self.seed, memory)

    async def recipe(self, recipe: str, rounds: int) -> dict[str, Any]:
        """The figures of a recipe over its rounds."""
        base = await self.tested("base", self.model)
        model, episodes, told = self.model, list[Trajectory](), list[dict[str, Any]]()
        for round in range(1, rounds + 1):
            name = "train-1" if round == 1 else f"train-{_file(recipe)}-{round}"
            episodes += await self.played(
                name, model, "train", self.tasks, self.attempts, self.seed + round, self.memory
            )
            adapter = self.trained(recipe, episodes)
            model = uri(self.model, adapter, self.out)
            played = await self.tested(f"{_file(recipe)}-{round}", model)
            told.append({"round": round, **self.figures(played, base), "training": adapter.metrics["training"]})
        return {"recipe": recipe, "rounds": told}

    def trained(self, recipe: str, episodes: Sequence[Trajectory], old: Sequence[Trajectory] = ()) -> Adapter:
        """``old`` episodes are replayed, a row for each new one."""
        made = plan(episodes, recipe, self.base, self.tuning, suite=open_suite(self.suite), old=old)
        self.out.mkdir(parents=True, exist_ok=True)
        with Journal.open(self.out / "journal.db", create=True) as journal:
            return train(made, Registry(journal), self.out)

    def figures(self, played: Sequence[Trajectory], base: Sequence[Trajectory]) -> dict[str, Any]:
        won = sum(one.success for one in played)
        used = sum((one.usage for one in played), Usage())
        rewards, before = ([one.reward or 0.0 for one in some] for some in (played, base))
        return {
            "success": round(won / len(played), 4),
            "ci95": [round(bound, 4) for bound in wilson(won, len(played))],
            "less_base": paired(rewards, before),
            "by_kind": by_kind(played),
            "prompt_tokens": round(used.prompt_tokens / max(1, used.calls)),
            "steps": round(sum(len(one.steps) for one in played) / len(played), 1),
        }

    async def all(self, recipes: Sequence[str], rounds: int) -> dict[str, Any]:
        base = await self.tested("base", self.model)
        told = [await self.recipe(recipe, rounds) for recipe in recipes]
        more = {}
        if self.memory and not self.remember:
            known = await self.played("test-base-remembering", self.model, "test", self.test, 1, self.seed, self.memory)
            more["remembering"] = self.figures(known, base)
        return {
            "base": {"model": str(self.base), **self.figures(base, base)},
            **more,
            "recipes": told,
        }


def by_kind(played: Sequence[Trajectory]) -> dict[str, float]:
    kinds: dict[str, list[bool]] = {}
    for one in played:
        kinds.setdefault(one.task.kind, []).append(one.success)
    return {kind: round(sum(won) / len(won), 3) for kind, won in sorted(kinds.items())}


def _file(recipe: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in recipe)


def options(text: str) -> argparse.ArgumentParser:
    """The options of this bench and of those that build on it."""
    parser = argparse.ArgumentParser(description=text.split("\n")[0])
    parser.add_argument("--suite", default="household")
    parser.add_argument("--base", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--tasks", type=int, default=100, help="training tasks a round")
    parser.add_argument("--attempts", type=int, default=4, help="episodes a training task")
    parser.add_argument("--test", type=int, default=100, help="test episodes")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--steps", type=int, default=60, help="updates of each training")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--memory", type=Path, help="a run folder whose memory the training episodes have")
    parser.add_argument("--remember", action="store_true", help="test with that memory too")
    parser.add_argument("--out", type=Path, default=Path("runs/finetune"))
    return parser


def bench_of(given: argparse.Namespace) -> Bench:
    return Bench(
        given.suite,
        given.base,
        given.out,
        given.tasks,
        given.attempts,
        given.test,
        given.temperature,
        Tuning(steps=given.steps, batch=given.batch, rate=given.rate, seed=given.seed),
        given.seed,
        given.memory,
        given.remember,
    )


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--recipes", default="sft;weighted;step_masking;dpo;kto;leap", help="separated by semicolons")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    recipes = [part.strip() for part in given.recipes.split(";") if part.strip()]
    print(json.dumps(asyncio.run(bench_of(given).all(recipes, given.rounds))))


if __name__ == "__main__":
    main()
