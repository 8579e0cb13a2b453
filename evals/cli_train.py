"""``knowhow train`` and ``knowhow adapters``: from episodes to weights, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import Json, Run, tell
from knowhow.evals.options import Trace

if TYPE_CHECKING:
    from knowhow.training.types import Adapter

adapters_app = typer.Typer(help="The adapters of a run: list, use and retire them.", no_args_is_help=True)


def train(
    run: Run,
    recipe: Annotated[str, typer.Option(help="How to train: see `knowhow recipes`.")] = "sft",
    base: Annotated[Path, typer.Option(help="The folder of the model to adapt.")] = Path("runs/pocket"),
    kind: Annotated[list[str], typer.Option(help="Train on tasks of this kind only; may be repeated.")] = [],  # noqa: B006
    old: Annotated[list[Path], typer.Option(help="A run whose episodes are replayed; may be repeated.")] = [],  # noqa: B006
    replay: Annotated[
        float | None, typer.Option(help="Rows of --old for each new row.", min=0, show_default="1")
    ] = None,
    epochs: Annotated[float, typer.Option(help="How often to go through the rows.")] = 3.0,
    steps: Annotated[int, typer.Option(help="How many updates to make; 0: as the epochs say.", min=0)] = 0,
    batch: Annotated[int, typer.Option(help="Rows an update.", min=1)] = 8,
    rate: Annotated[float, typer.Option(help="The peak learning rate.")] = 5e-4,
    rank: Annotated[int, typer.Option(help="The rank of the adapter.", min=1)] = 16,
    adapter: Annotated[str, typer.Option(help="lora, or another kind: see `knowhow recipes`.")] = "lora",
    longest: Annotated[int, typer.Option(help="Tokens of a row; what is beyond is cut off.", min=1)] = 4096,
    trial: Annotated[int, typer.Option(help="Validation episodes of its trial; 0: no trial.", min=0)] = 100,
    remember: Annotated[
        bool, typer.Option("--remember", help="Try it, and let grpo play, with the run's memory in the prompt.")
    ] = False,
    report_to: Annotated[str, typer.Option(help="tensorboard, mlflow or wandb: where metrics go besides.")] = "",
    seed: Annotated[int, typer.Option(help="Decides the order of the rows and the adapter's first weights.")] = 0,
    allow_leaks: Annotated[
        bool, typer.Option("--allow-leaks", help="Train also on what tells of test tasks: see `knowhow leaks`.")
    ] = False,
    trace: Trace = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and stop.")] = False,
    json: Json = False,
) -> None:
    """Train a LoRA adapter on the episodes of a run, and put it to trial on validation tasks.

    It becomes active only where the trial shows a gain, and other tasks do not fall. The same command goes on with a
    training that was interrupted.

    Example: knowhow train runs/mine --recipe sft --base runs/pocket
    """
    from knowhow.agents.local.engine import check_extra
    from knowhow.agents.tracing import traced
    from knowhow.environments.errors import BadSetting
    from knowhow.evals.progress import Bars
    from knowhow.evals.training import Asked, carry_out, planned, preview
    from knowhow.training.card import as_markdown
    from knowhow.training.settings import Tuning

    check_extra()
    tuning = Tuning(epochs, steps, batch, rate, rank, adapter, longest, seed=seed, report_to=report_to)
    if replay is not None and not old:
        raise BadSetting(
            f"--replay {replay:g} says how many rows of an old run there are for each new one: name it, --old"
        )
    ratio = 1.0 if replay is None else replay
    asked = Asked(recipe, base, tuning, tuple(kind), tuple(old), ratio, trial, remember, allow_leaks)
    made = planned(run, asked)
    told = preview(made)
    if not json:
        typer.echo(f"{as_markdown(told['card'])}\n{_taken(told['estimate'])}")
    if dry_run:
        tell(told, json, lambda: None)
        return
    try:
        with traced(trace), Bars() as watch:
            result = carry_out(run, asked, made, watch, watch.steps(recipe))
    except KeyboardInterrupt:
        typer.echo("interrupted; what is saved is not lost. The same command goes on", err=True)
        raise typer.Exit(130) from None
    tell({**told, **result}, json, lambda: typer.echo(_came_of(result)))


def recipes(json: Json = False) -> None:
    """List the recipes, for `knowhow train --recipe`, and the kinds of adapter, for --adapter."""
    from knowhow.evals.listing import list_parts
    from knowhow.evals.show import show_parts
    from knowhow.training.recipe import RECIPES
    from knowhow.training.settings import ADAPTERS

    found = {"recipes": list_parts(RECIPES), "adapters": list_parts(ADAPTERS)}
    tell(found, json, lambda: show_parts(found))


@adapters_app.command("list")
def list_adapters(run: Run, json: Json = False) -> None:
    """Every adapter of a run: its recipe, status and what its trial measured.

    Example: knowhow adapters list runs/mine
    """
    from knowhow.evals.folder import read_about
    from knowhow.memory.codec import encode
    from knowhow.memory.journal import Journal
    from knowhow.training.registry import Registry

    read_about(run)
    found: list[Adapter] = []
    if (run / "journal.db").exists():
        with Journal.open(run / "journal.db") as journal:
            found = Registry(journal).adapters()
    tell({"adapters": [encode(one) for one in found]}, json, lambda: typer.echo(_listed(found)))


@adapters_app.command()
def use(run: Run, id: Annotated[str, typer.Argument(help="An adapter's id, as `list` shows it.")]) -> None:
    """Make an adapter active, whatever its trial said; those that it replaces are retired."""
    from knowhow.training.types import AdapterStatus

    _settle(run, id, AdapterStatus.ACTIVE)


@adapters_app.command()
def retire(run: Run, id: Annotated[str, typer.Argument(help="An adapter's id, as `list` shows it.")]) -> None:
    """Use an adapter no more; its files stay."""
    from knowhow.training.types import AdapterStatus

    _settle(run, id, AdapterStatus.RETIRED)


def _settle(run: Path, id: str, status: Any) -> None:
    from knowhow.environments.errors import BadSetting, UnknownName
    from knowhow.evals.folder import read_about
    from knowhow.evals.memory_folder import alone
    from knowhow.memory.journal import Journal
    from knowhow.training.recipe import judges
    from knowhow.training.registry import Registry
    from knowhow.training.types import AdapterStatus

    read_about(run)
    if not (run / "journal.db").exists():
        raise UnknownName(f"there is no adapter {id!r}; {run} has none yet")
    with alone(run), Journal.open(run / "journal.db") as journal:
        registry = Registry(journal)
        if status is AdapterStatus.ACTIVE and judges(registry.get(id).recipe):
            found = registry.get(id)
            raise BadSetting(f"{id} judges attempts and plays none; {_choosing(found.base, run / found.path)}")
        settled = registry.settle(id, status, "a person said so")
    typer.echo(f"{settled.id} is {settled.status}")


def _taken(estimate: dict[str, Any]) -> str:
    return (
        f"{estimate['rows']:,} rows of about {estimate['tokens_per_row']:,} tokens, {estimate['steps']:,} steps, "
        f"{estimate['trainable']:,} weights: about {estimate['seconds']:.0f} s and {estimate['memory_mb']:,} MB"
        f"{', and the episodes that it plays' if estimate['plays'] else ''}"
    )


def _choosing(base: str, weights: Path) -> str:
    """How a judge of attempts is used."""
    return f"""let it choose: knowhow run --method "verified(by='hf:{base}@{weights}', n=8)\""""


def _came_of(result: dict[str, Any]) -> str:
    from knowhow.training.recipe import judges

    adapter = result["adapter"]
    if judges(adapter["recipe"]):
        return f"{adapter['id']} judges attempts; {_choosing(adapter['base'], Path(result['run']) / adapter['path'])}"
    trial = adapter["metrics"].get("trial")
    told = f"{adapter['id']} is {adapter['status']}"
    if trial:
        told += f": {100 * trial['without']:.0f}% without it, {100 * trial['with']:.0f}% with it"
    return f"{told}\nplay with it: --model '{result['model']}'"


def _listed(adapters: list[Adapter]) -> str:
    lines = [f"{one.id}  {one.status:<9}  {one.recipe:<24}  {_gain(one)}" for one in adapters]
    return "\n".join(lines) or "there is no adapter yet; make one: knowhow train RUN"


def _gain(adapter: Adapter) -> str:
    gained = (adapter.metrics.get("trial") or {}).get("new")
    if not gained:
        return "no trial yet"
    gain, low, high = (100 * value for value in gained)
    return f"{gain:+.0f} points on validation ({low:+.0f} to {high:+.0f})"
