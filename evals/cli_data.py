"""``knowhow export-data``: the episodes of a run as training data for other trainers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from knowhow.evals.memory_folder import Json, Run, episodes_in, tell

if TYPE_CHECKING:
    from knowhow.environments.types import Trajectory
    from knowhow.training.types import Data, Datum

FORMS = "knowhow.training.forms"
PLAYED = ("train", "proof", "mirror", "spared", "run", "agent")
"""The phases that hold what is trained on: of an evolution, the replays of training tasks among them, of a plain run,
and of an agent with the middleware."""


def export_data(
    run: Run,
    out: Annotated[Path, typer.Option(help="The file to write; its ending is .jsonl or .parquet.")],
    as_: Annotated[str, typer.Option("--as", help="Whose format: trl or openai.")] = "trl",
    form: Annotated[
        str, typer.Option(help="whole (episodes), turns (single replies), pairs or judged; 'pairs(cap=8)' sets more.")
    ] = "whole",
    failures: Annotated[
        bool | None,
        typer.Option("--all/--successes", help="Of whole and turns: all episodes, or (the default) successful ones."),
    ] = None,
    cap: Annotated[
        int | None,
        typer.Option(help="The most successes of a task, pairs of a task, or judged replies of an episode.", min=0),
    ] = None,
    kind: Annotated[list[str], typer.Option(help="Only tasks of this kind; may be repeated.")] = [],  # noqa: B006
    without_memory: Annotated[
        bool, typer.Option("--without-memory", help="Take out of prompts and replies what memory put there.")
    ] = False,
    memory_version: Annotated[int, typer.Option(help="Leave out what was played with an older memory.", min=0)] = 0,
    model: Annotated[str | None, typer.Option(help="Leave out what another model, or adapter, played.")] = None,
    seed: Annotated[int | None, typer.Option(help="What decides where a cap leaves a choice; 0 by default.")] = None,
    json: Json = False,
) -> None:
    """Write the episodes of a run as training data, in the format of TRL or of OpenAI, and print the data card.

    The card is also kept beside the file, with the sources of every record. Test tasks are refused.

    Example: knowhow export-data runs/mine --as trl --form turns --without-memory --out data.jsonl
    """
    from knowhow.training.card import as_markdown, card
    from knowhow.training.exports import card_path, export
    from knowhow.training.selecting import deduplicated, of_kinds, played_with
    from knowhow.training.types import Data
    from knowhow.training.unaided import all_unaided

    settings = {"failures": failures, "cap": cap, "seed": seed}
    data = Data(tuple(_played(run))).then(partial(of_kinds, kinds=kind))
    data = data.then(partial(played_with, memory_version=memory_version, model=model))
    data = data.then(all_unaided) if without_memory else data
    made = data.then(partial(_formed, form=form, settings=settings)).then(deduplicated)
    written = export(made, as_, out)
    told = card(written)
    files = {"file": str(out), "card": str(card_path(out))}
    tell({**told, **files}, json, lambda: typer.echo(f"{as_markdown(told)}\n{out}, card: {card_path(out)}"))


def _played(run: Path) -> list[Trajectory]:
    """Raises: MemoryDamaged."""
    with episodes_in(run) as episodes:
        return [episode for phase in PLAYED for episode in episodes.find(phase)]


def _formed(trajectories: Sequence[Trajectory], form: str, settings: dict[str, Any]) -> Data[Datum]:
    """Raises: UnknownName, BadSetting for the form and its settings."""
    from knowhow.environments.discover import build, parse

    name, given = parse(form)
    given.update({key: value for key, value in settings.items() if value is not None})
    made: Data[Datum] = build(
        FORMS, f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})", trajectories
    )
    return made
