"""``knowhow serve-suite``: a suite for clients in other processes, containers and languages."""

from __future__ import annotations

import json as json_lines
import os
import secrets
from typing import Annotated

import typer

from knowhow.environments.remote.place import TOKEN, is_loopback
from knowhow.environments.types import Suite
from knowhow.evals.options import Json


def serve_suite(
    name: Annotated[str, typer.Argument(help="A suite's name, path/to/file.py:Class or module:Class.")],
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is all of them.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    sessions: Annotated[int, typer.Option(help="The most episodes at a time.", min=1)] = 64,
    idle: Annotated[
        float, typer.Option(help="Seconds after which an episode that nobody steps is ended.", min=0.1)
    ] = 600.0,
    oracle: Annotated[bool, typer.Option("--oracle", help="Let clients ask for the calls that solve a task.")] = False,
    json: Json = False,
) -> None:
    """Serve a suite over HTTP, until Ctrl-C: for remote(url='...'), OpenEnv clients and anybody's own.

    Where other machines reach it, every request has to carry a token: that of the environment variable KNOWHOW_TOKEN,
    or a new one, which is printed. Neither answers nor graders leave the server.

    Example: knowhow serve-suite household --port 8000
    """
    import asyncio
    import contextlib

    from knowhow.environments.discover import build
    from knowhow.environments.remote.server import Serving, serve

    suite: Suite = build("knowhow.environments.suites", name)
    token = os.environ.get(TOKEN) or ("" if is_loopback(host) else secrets.token_urlsafe(24))

    def ready(url: str) -> None:
        told = {"suite": suite.name, "url": url, "token": token}
        typer.echo(json_lines.dumps(told) if json else _lines(suite.name, url, token))

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        asyncio.run(serve(suite, Serving(host, port, token, sessions, idle, oracle), ready))
    if not json:
        typer.echo("ended; every open episode is closed")


def _lines(name: str, url: str, token: str) -> str:
    with_token = f"{TOKEN}={token} " if token else ""
    use = f"{with_token}knowhow run --suite \"remote(url='{url}')\""
    return f"{name} is served at {url} until Ctrl-C\nplay it with: {use}"
