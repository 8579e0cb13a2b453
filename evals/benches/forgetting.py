"""What a fine-tune on some kinds of task does to the others, with older episodes replayed and without.

    python -m knowhow.evals.benches.forgetting --base runs/pocket --kinds clean,heat --tasks 100 --attempts 4

The base plays training tasks of all kinds, each several times; the recipe trains on the episodes of ``--kinds``, once
alone and once with as many rows of the other kinds' episodes. Both are tested on the same tasks of all kinds. Prints
one JSON object: on the kinds trained on and on the others, the success and the paired difference in reward. Goes on
where it was interrupted, in ``--out``, and shares what ``finetune`` has played there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from knowhow.environments.types import Trajectory
from knowhow.evals.benches.finetune import Bench, bench_of, options
from knowhow.evals.routing import uri


async def compare(bench: Bench, recipe: str, kinds: Sequence[str]) -> dict[str, Any]:
    base = await bench.tested("base", bench.model)
    played = await bench.played("train-1", bench.model, "train", bench.tasks, bench.attempts, bench.seed + 1)
    new = [one for one in played if one.task.kind in kinds]
    old = [one for one in played if one.task.kind not in kinds]
    told = {}
    for name, replayed in (("without_replay", []), ("with_replay", old)):
        adapter = bench.trained(recipe, new, replayed)
        tested = await bench.tested(f"{name}-{'-'.join(kinds)}", uri(bench.model, adapter, bench.out))
        told[name] = {
            "trained_on": _part(bench, tested, base, lambda kind: kind in kinds),
            "others": _part(bench, tested, base, lambda kind: kind not in kinds),
        }
    return {"recipe": recipe, "kinds": list(kinds), "base": bench.figures(base, base)["by_kind"], **told}


def _part(bench: Bench, tested: Sequence[Trajectory], base: Sequence[Trajectory], belongs: Any) -> dict[str, Any]:
    pairs = [(one, other) for one, other in zip(tested, base, strict=True) if belongs(one.task.kind)]
    found = bench.figures([one for one, _ in pairs], [other for _, other in pairs])
    return {"episodes": len(pairs), **{name: found[name] for name in ("success", "less_base", "by_kind")}}


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--recipe", default="sft")
    parser.add_argument("--kinds", default="clean", help="kinds of task to train on, separated by commas")
    given = parser.parse_args()
    kinds = [kind.strip() for kind in given.kinds.split(",")]
    print(json.dumps(asyncio.run(compare(bench_of(given), given.recipe, kinds))))


if __name__ == "__main__":
    main()
