"""``knowhow judges``: whether a model's verdicts can be believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import BudgetCalls, BudgetTokens, BudgetUsd, Cache, Concurrency, Json, Phase, Runs, Seed

if TYPE_CHECKING:
    from knowhow.agents.model import Model
    from knowhow.environments.types import Trajectory


def judges(
    runs: Runs,
    judge: Annotated[str, typer.Option(help="The model that judges, as for --model.")],
    checklist: Annotated[
        bool, typer.Option("--checklist", help="By a checklist that it writes for each task; short for --by checklist.")
    ] = False,
    by: Annotated[
        str, typer.Option(help="How it judges: overall, checklist(most=5), package.module:name.")
    ] = "overall",
    n: Annotated[int, typer.Option(help="The most episodes, and the most pairs of each sort.", min=1)] = 100,
    phase: Phase = "",
    seed: Seed = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_calls: BudgetCalls = None,
    budget_tokens: BudgetTokens = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Let a model judge finished episodes whose outcome is known, and say how far its verdicts can be believed.

    Agreement: accuracy, Cohen's kappa, and each sort of error. Position bias: pairs of a right and a wrong episode of
    one task, judged in both orders. Self-preference: pairs of equal outcome, one by the judge's own model and one by
    another; give runs of both. For pairs, play tasks more than once: knowhow run --attempts 4.

    Example: knowhow judges runs/mine runs/other --judge openai:gpt-5-mini --checklist --n 50
    """
    import asyncio

    from knowhow.agents.metering import Budget, Meter
    from knowhow.agents.model import load_model
    from knowhow.evals.finished import finished

    episodes = [episode for run in runs for episode in finished(run, phase).values()]
    meter = Meter(Budget(budget_calls, budget_tokens, budget_usd))
    model = load_model(judge, meter=meter, cache=Path(cache) if cache else None)
    way = "checklist" if checklist else by
    told = asyncio.run(_tried(model, way, episodes, n=n, seed=seed or 0, at_once=concurrency or 8))
    spent = {"model_calls": meter.total.calls, "tokens": meter.total.tokens, "cost_usd": round(meter.total.cost_usd, 6)}
    result = {"judge": judge, "by": way, **told, **spent}
    tell(result, json, lambda: typer.echo("\n".join(_lines(result))))


async def _tried(model: Model, way: str, episodes: Sequence[Trajectory], **settings: int) -> dict[str, Any]:
    from knowhow.agents.judge import judge_of
    from knowhow.evals.judge_trial import try_judge

    try:
        return await try_judge(judge_of(way, model), episodes, model.uri, **settings)
    finally:
        await model.aclose()


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield f"{result['judge']} as a judge ({result['by']})"
    yield from _agreement(result["agreement"])
    yield from _position(result["position"])
    yield from _preference(result["self_preference"])
    if result["unasked"]:
        yield f"the budget kept {result['unasked']} verdicts from being asked"
    yield f"{result['model_calls']:,} calls, {result['tokens']:,} tokens, ${result['cost_usd']:.2f}"


def _agreement(found: dict[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield "agreement: no episode was judged"
        return
    cells = found["confusion"]
    kappa = "unknown" if found["kappa"] is None else f"{found['kappa']:.2f}"
    yield f"agreement on {found['episodes']} episodes: {found['says']}"
    yield f"  accuracy {_rate(found, 'accuracy')}, kappa {kappa} [{_span(found['kappa_ci95'])}]"
    yield f"  {'':<12}{'said achieved':>15}{'said not':>10}"
    yield f"  {'achieved':<12}{cells['right_yes']:>15}{cells['right_no']:>10}"
    yield f"  {'not':<12}{cells['wrong_yes']:>15}{cells['wrong_no']:>10}"
    if found["unreadable"]:
        yield f"  {found['unreadable']} replies could not be read; they count as not achieved"


def _position(found: dict[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield "position: no task has a right and a wrong episode; play it several times (knowhow run --attempts 4)"
        return
    yield f"position, {found['pairs']} pairs in both orders: {found['says']}"
    yield f"  follows the place {_rate(found, 'follows_place')}, right in both orders {_rate(found, 'right_twice')}"
    yield f"  {_counts(found, 'right', 'wrong', 'first', 'second', 'undecided')}"


def _preference(found: dict[str, Any] | None) -> Iterator[str]:
    if found is None:
        yield "self-preference: no task came to the same end by the judge's own model and by another; give both runs"
        return
    yield f"self-preference, {found['pairs']} pairs of equal outcome: {found['says']}"
    yield f"  prefers its own {_rate(found, 'prefers_own')}"
    yield f"  {_counts(found, 'own', 'others', 'first', 'second', 'undecided')}"


def _rate(found: dict[str, Any], name: str) -> str:
    return "unknown" if found[name] is None else f"{found[name]:.1%} [{_span(found[f'{name}_ci95'])}]"


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.2f}, {interval[1]:.2f}"


def _counts(found: dict[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {found[name]}" for name in names)
