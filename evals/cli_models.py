"""``knowhow serve``: a local model behind OpenAI's protocol."""

from __future__ import annotations

import json as json_lines
import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from knowhow.environments.errors import BadSetting
from knowhow.environments.remote.place import TOKEN, is_loopback
from knowhow.evals.options import Json


def serve(
    path: Annotated[Path, typer.Argument(help="The folder of a transformers model.")],
    adapter: Annotated[
        list[str], typer.Option(help="NAME=PATH: an adapter that is there from the start; may be repeated.")
    ] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="What the model is called; its path by default.")] = "",
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is all of them.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    record: Annotated[Path | None, typer.Option(help="A folder that keeps what was sampled, for training.")] = None,
    json: Json = False,
) -> None:
    """Serve a local model over OpenAI's protocol, as vLLM does, until Ctrl-C.

    It tells token ids and log-probabilities, and loads and unloads adapters at run time. Where other machines reach it,
    every request has to carry a key: that of the environment variable KNOWHOW_TOKEN, or a new one, which is printed.

    Example: knowhow serve runs/pocket --port 8000 --adapter v1=runs/mine/adapters/ada-00001/adapter
    """
    import asyncio
    import contextlib

    from knowhow.agents.local.engine import Engine
    from knowhow.agents.local.serving.server import Serving, serve

    token = os.environ.get(TOKEN) or ("" if is_loopback(host) else secrets.token_urlsafe(24))
    called = name or str(path)
    how = Serving(called, host, port, token, dict(_named(one) for one in adapter), record)

    def ready(url: str) -> None:
        told = {"model": called, "url": url, "token": token}
        typer.echo(json_lines.dumps(told) if json else _lines(called, url, token))

    engine = Engine(path)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        asyncio.run(serve(engine, how, ready))
    engine.close()
    if not json:
        typer.echo("ended")


def _named(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise BadSetting(f"--adapter {text!r} is not NAME=PATH")
    return name, Path(path)


def _lines(name: str, url: str, token: str) -> str:
    uri = f"{url}#{name}?tokens=1&key={TOKEN}" if token else f"vllm:{name}@{url}?tokens=1"
    with_token = f"{TOKEN}={token} " if token else ""
    return f"{name} is served at {url} until Ctrl-C\nplay with it: {with_token}knowhow run --model '{uri}'"
