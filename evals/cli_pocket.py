"""``knowhow pocket``: a small language model made here, so that training can be tried without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from knowhow.evals.options import Json

pocket_app = typer.Typer(help="Make a small language model that plays poorly, to train on.", no_args_is_help=True)


@pocket_app.callback()
def _group() -> None:
    """A group, however many commands it has."""


@pocket_app.command()
def build(
    suite: Annotated[str, typer.Option(help="The suite to speak of; one with an oracle.")] = "household",
    out: Annotated[Path, typer.Option(help="The folder to make.")] = Path("runs/pocket"),
    episodes: Annotated[int, typer.Option(help="Episodes to learn from, one update each.", min=10)] = 2000,
    hidden: Annotated[
        int, typer.Option(help="The hidden size, a multiple of 32: 192 makes 2 million parameters.", min=32)
    ] = 192,
    layers: Annotated[int, typer.Option(help="The number of layers.", min=1)] = 4,
    memory: Annotated[
        Path | None,
        typer.Option(help="A run folder whose memory prompts show; a playbook is learned by default."),
    ] = None,
    memory_tokens: Annotated[int, typer.Option(help="Tokens of memory in a prompt.", min=1)] = 300,
    seed: Annotated[int, typer.Option(help="Decides the episodes and the weights.")] = 0,
    json: Json = False,
) -> None:
    """Make a causal language model from nothing, with its own tokenizer and chat template, in minutes on a CPU.

    It learns from episodes of mediocre play, with and without memory in the prompt, so that it speaks the protocol and
    plays poorly. Where the memory has skills, it calls some of them. Use it as hf:runs/pocket.

    Example: knowhow pocket build --suite household --out runs/pocket
    """
    import asyncio
    import json as lines

    from knowhow.agents.local.engine import check_extra
    from knowhow.environments.errors import BadSetting
    from knowhow.evals.pocket import learn, plays
    from knowhow.evals.progress import Bars
    from knowhow.training.pocket.build import build as build_model
    from knowhow.training.pocket.pretrain import Size

    check_extra()
    if out.exists():
        raise BadSetting(f"{out} exists already; name another folder by --out")
    if hidden % 32:
        raise BadSetting(f"hidden={hidden} is no multiple of 32, the size of a head of attention")
    with Bars() as watch:
        learned = memory or learn(suite, out.with_name(f"{out.name}-memory"), 200, seed, watch)
        played = asyncio.run(plays(suite, learned, episodes, seed, watch, memory_tokens))
        made = Size(hidden, layers, max(2, hidden // 32))
        about: dict[str, Any] = build_model(played, out, size=made, seed=seed, tell=watch.steps("pocket"))
    about |= {"memory": str(learned), "memory_tokens": memory_tokens}
    typer.echo(lines.dumps({"pocket": str(out), **about}) if json else _told(suite, out, about))


def _told(suite: str, out: Path, about: dict[str, Any]) -> str:
    return (
        f"{out}: {about['parameters'] / 1e6:.1f} million parameters, loss {about['loss']}\n"
        f"play with it: knowhow run --suite {suite} --model hf:{out}\n"
        "and with the memory that its prompts had: "
        f"--memory {about['memory']} --memory-tokens {about['memory_tokens']}"
    )
