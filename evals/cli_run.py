"""``knowhow run`` and ``knowhow evolve``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import tell
from knowhow.evals.options import (
    AllowLeaks,
    Base,
    BudgetCalls,
    BudgetTokens,
    BudgetUsd,
    Cache,
    Concurrency,
    Config,
    Curriculum,
    Engine,
    Episodes,
    Index,
    Json,
    Log,
    MemoryName,
    MemoryTokens,
    Method,
    ModelUri,
    Out,
    Recall,
    Resume,
    SameTask,
    Seed,
    Split,
    Suite,
    Trace,
)

if TYPE_CHECKING:
    from knowhow.evals.settings import Settings
    from knowhow.evals.watch import Watch

UNKEPT = ("resume", "json", "trace", "log")
"""What is said of one call of a command, and not of the run."""
CHANGEABLE = ("budget_usd", "budget_calls", "budget_tokens", "concurrency", "engine", "index")
"""What may stand beside ``--resume``."""
TRAINING = ("recipe", "tuning", "trial", "fresh")
"""What is said of a training, beside ``--train-every``."""


def run(
    suite: Suite = None,
    split: Split = None,
    model: ModelUri = None,
    memory: MemoryName = None,
    method: Method = None,
    episodes: Episodes = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_calls: BudgetCalls = None,
    budget_tokens: BudgetTokens = None,
    cache: Cache = None,
    recall: Recall = None,
    memory_tokens: MemoryTokens = None,
    same_task: SameTask = None,
    allow_leaks: AllowLeaks = None,
    withhold: Annotated[
        bool | None, typer.Option("--withhold", help="The control: recall as always, but show nothing of it.")
    ] = None,
    adapters: Annotated[
        str | None, typer.Option(help="A run folder whose active adapters play, each for its kinds of task.")
    ] = None,
    base: Base = None,
    attempts: Annotated[
        int | None, typer.Option(help="How often each task is played, in the same world with replies drawn anew.")
    ] = None,
    out: Out = None,
    config: Config = None,
    resume: Resume = None,
    engine: Engine = None,
    index: Index = None,
    trace: Trace = "",
    log: Log = "",
    json: Json = False,
) -> None:
    """Run an agent on a split of a suite, with a memory or none. Nothing is learned.

    Example: knowhow run --suite household --split test --memory runs/demo --episodes 200
    """
    given = _given(locals())

    from knowhow.evals.run import resume as go_on
    from knowhow.evals.run import run as run_split
    from knowhow.evals.show import show_run

    told = _told(trace, log)
    if resume is not None:
        folder = resume
        _refuse_more(folder, given)
        result = _finish(lambda watch: go_on(folder, watch, **given), lambda: _way_on("run", folder), told)
    else:
        settings = _settings(given, memory="none")
        folder = out or _new_folder("run", settings)
        _announce_cost(settings, settings.episodes * settings.attempts)
        result = _finish(lambda watch: run_split(settings, folder, watch), lambda: _way_on("run", folder), told)
    tell(result, json, lambda: show_run(result, folder))


def evolve(
    suite: Suite = None,
    split: Split = None,
    model: ModelUri = None,
    memory: MemoryName = None,
    method: Method = None,
    episodes: Episodes = None,
    rounds: Annotated[int | None, typer.Option(help="How often to acquire, refine, update and evaluate.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="offline: rounds are kept or rolled back by validation. online: no gate.")
    ] = None,
    labels: Annotated[
        bool | None,
        typer.Option(
            help="With --no-labels, reflect on what the world said alone; the gate still measures (see --mode online)."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="How often the episodes walk over the same training tasks.")
    ] = None,
    validation: Annotated[
        int | None, typer.Option(help="Validation episodes of each round's gate, and of each final report.")
    ] = None,
    withhold_rate: Annotated[
        float | None,
        typer.Option(help="How often a training episode goes without a lesson, to measure it; 0: never."),
    ] = None,
    proof: Annotated[
        int | None, typer.Option(help="Episodes, in all, for replays with and without the lessons that are on trial.")
    ] = None,
    proof_at_once: Annotated[int | None, typer.Option(help="How many lessons such a replay tries at most.")] = None,
    recall: Recall = None,
    memory_tokens: MemoryTokens = None,
    same_task: SameTask = None,
    chain: Annotated[
        int | None, typer.Option(help="Tasks of a kind in a row, within a round; each has what those before it taught.")
    ] = None,
    review: Annotated[
        bool | None, typer.Option("--review", help="What is learned waits for you: see `knowhow memory review`.")
    ] = None,
    curriculum: Curriculum = None,
    train_every: Annotated[
        int | None, typer.Option(help="Train an adapter every so many rounds, and use it where its trial shows a gain.")
    ] = None,
    base: Base = None,
    recipe: Annotated[str | None, typer.Option(help="How to train: see `knowhow recipes`.")] = None,
    tuning: Annotated[str | None, typer.Option(help="Settings of the training: 'epochs=2, rate=1e-3, rank=8'.")] = None,
    trial: Annotated[int | None, typer.Option(help="Validation episodes of an adapter's trial.")] = None,
    fresh: Annotated[
        bool | None, typer.Option("--fresh", help="Train only on what was played with the present adapter.")
    ] = None,
    allow_leaks: AllowLeaks = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    budget_usd: BudgetUsd = None,
    budget_calls: BudgetCalls = None,
    budget_tokens: BudgetTokens = None,
    cache: Cache = None,
    out: Out = None,
    config: Config = None,
    resume: Resume = None,
    engine: Engine = None,
    index: Index = None,
    trace: Trace = "",
    log: Log = "",
    json: Json = False,
) -> None:
    """Let an agent's memory evolve: run tasks, reflect, update, validate, keep or roll back, round after round.

    Ends with success on unseen validation tasks before, after, and with the memory withheld (the control).

    Example: knowhow evolve --suite household --episodes 200 --rounds 8 --out runs/mine
    """
    given = _given(locals())

    from knowhow.evals.learn import resume as go_on
    from knowhow.evals.learn import start
    from knowhow.evals.report import write_report
    from knowhow.evals.show import show_evolution

    told = _told(trace, log)
    if resume is not None:
        folder = resume
        _refuse_more(folder, given)
        result = _finish(lambda watch: go_on(folder, watch, **given), lambda: _way_on("evolve", folder), told)
    else:
        settings = _settings(given, memory="playbook")
        _refuse_idle(given, settings)
        folder = out or _new_folder("evolve", settings)
        _announce_cost(settings, settings.episodes + settings.proof + settings.validation * (settings.rounds + 4))
        result = _finish(lambda watch: start(settings, folder, watch), lambda: _way_on("evolve", folder), told)
    page = write_report(folder)
    tell(result, json, lambda: show_evolution(result, folder, page))


def _finish(
    work: Callable[[Watch], Coroutine[Any, Any, dict[str, Any]]],
    way_on: Callable[[], str],
    told: AbstractContextManager[None],
) -> dict[str, Any]:
    """The result of long work with its progress drawn; Ctrl-C ends it with a way to go on and exit code 130."""
    import asyncio

    from knowhow.evals.logs import Logged
    from knowhow.evals.progress import Bars

    try:
        with told, Bars() as watch:
            return asyncio.run(work(Logged(watch)))
    except KeyboardInterrupt:
        typer.echo(f"interrupted; {way_on()}", err=True)
        raise typer.Exit(130) from None


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a command's options that were given."""
    return {name: value for name, value in options.items() if value is not None and name not in UNKEPT}


@contextmanager
def _told(trace: str, log: str) -> Iterator[None]:
    """Spans and log lines, where they are asked for."""
    from knowhow.agents.tracing import traced
    from knowhow.evals.logs import logged

    with traced(trace), logged(log):
        yield


def _way_on(command: str, folder: Path) -> str:
    if not (folder / "run.json").exists():
        return "nothing had begun"
    return f"nothing finished is lost. Go on with: knowhow {command} --resume {shlex.quote(str(folder))}"


def _refuse_more(folder: Path, given: Mapping[str, Any]) -> None:
    given = {name: value for name, value in given.items() if name not in CHANGEABLE}
    if given:
        from knowhow.environments.errors import BadSetting

        extra = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise BadSetting(f"--resume goes on with the settings of {folder}; leave out {extra}")


def _refuse_idle(given: Mapping[str, Any], settings: Settings) -> None:
    idle = [name for name in TRAINING if name in given]
    if idle and not settings.train_every:
        from knowhow.environments.errors import BadSetting

        raise BadSetting(f"nothing is trained, so that --{idle[0]} says nothing; add --train-every, or leave it out")


def _settings(options: Mapping[str, Any], **defaults: str) -> Settings:
    """Options given, over those of the YAML file, over the defaults."""
    from dataclasses import fields

    from knowhow.evals.settings import Settings, from_mapping, from_yaml

    known = {field.name for field in fields(Settings)}
    given = {name: value for name, value in options.items() if name in known and value is not None}
    filed = from_yaml(options["config"]) if options.get("config") else {}
    return from_mapping({**defaults, **filed, **given})


def _new_folder(kind: str, settings: Settings) -> Path:
    suite = "".join(letter if letter.isalnum() else "-" for letter in settings.suite.rpartition(":")[2])
    return Path("runs") / f"{kind}-{suite}-{time.strftime('%Y%m%d-%H%M%S')}"


def _announce_cost(settings: Settings, episodes: int) -> None:
    """What the run may take, before it starts; nothing is said of models that cost nothing."""
    if settings.model.startswith("novice"):
        return
    from knowhow.evals.listing import cost_line

    typer.echo(cost_line(settings, episodes), err=True)
