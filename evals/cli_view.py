"""``knowhow view``: run folders in the browser."""

from __future__ import annotations

import json as json_lines
from pathlib import Path
from typing import Annotated

import typer

from knowhow.evals.options import Json


def view(
    runs: Annotated[list[Path], typer.Argument(metavar="RUNS...", help="Run folders, or folders of run folders.")],
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.", min=0, max=65535)] = 0,
    open: Annotated[bool, typer.Option("--open", help="Open the page in a browser, too.")] = False,
    json: Json = False,
) -> None:
    """Look at runs in the browser: side by side, learning curves, episodes step by step, memory, what waits for review.

    Serves this machine alone, until Ctrl-C, and follows runs that are going. To mail a run, see `knowhow report`.

    Example: knowhow view runs/
    """
    import asyncio
    import contextlib
    import webbrowser

    from knowhow.evals.viewer.server import serve

    def ready(url: str) -> None:
        typer.echo(json_lines.dumps({"url": url}) if json else f"{url}   (until Ctrl-C)")
        if open:
            webbrowser.open(url)

    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        asyncio.run(serve(runs, port, ready))
