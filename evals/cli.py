"""The command line: ``knowhow``. What is heavy is imported inside the commands, so that ``--help`` answers at once."""

from __future__ import annotations

import sys

import typer

from knowhow.environments.errors import KnowhowError
from knowhow.environments.redact import redacted
from knowhow.evals.cli_calibrate import calibrate
from knowhow.evals.cli_compare import compare, repeat
from knowhow.evals.cli_data import export_data
from knowhow.evals.cli_judges import judges
from knowhow.evals.cli_leaks import leaks
from knowhow.evals.cli_lists import banks, check_suite, curricula, models, report, suites
from knowhow.evals.cli_memory import memory_app
from knowhow.evals.cli_models import serve
from knowhow.evals.cli_pocket import pocket_app
from knowhow.evals.cli_run import evolve, run
from knowhow.evals.cli_self_correction import self_correction
from knowhow.evals.cli_serve import serve_suite
from knowhow.evals.cli_train import adapters_app, recipes, train
from knowhow.evals.cli_view import view

app = typer.Typer(
    name="knowhow",
    help="Agents whose memory and skills evolve, where every lesson has to prove that it helps.",
    epilog="Start with: knowhow evolve --suite household   (offline, no key, a minute or two)",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
PANELS = {
    "Play and learn": (run, evolve, check_suite, serve_suite),
    "Can it be believed?": (report, view, compare, repeat, leaks, calibrate, judges, self_correction),
    "Train and serve": (train, export_data, serve),
    "What there is": (suites, models, banks, curricula, recipes),
}
GROUPS = {
    "Play and learn": {"memory": memory_app},
    "Train and serve": {"adapters": adapters_app, "pocket": pocket_app},
}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
for panel, groups in GROUPS.items():
    for name, group in groups.items():
        app.add_typer(group, name=name, rich_help_panel=panel)


def main() -> None:
    """Entry point: whatever a user can mend is one line on stderr and a non-zero exit."""
    import sqlite3

    try:
        app()
    except KnowhowError as error:
        _fail(redacted(str(error)))
    except (sqlite3.Error, OSError) as error:
        _fail(f"{error}; nothing that was acknowledged is lost")
    except KeyboardInterrupt:
        _fail("interrupted", 130)


def _fail(message: str, code: int = 1) -> None:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
