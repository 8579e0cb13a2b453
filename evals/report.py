"""``knowhow report``: one HTML file about a run that needs nothing beside itself, no network either.

The figures come from the episodes themselves, so that a run that is not finished is told as far as it went. Texts of
tasks, worlds, models and memory are data throughout: markup is escaped, episodes are embedded as base64, and the page's
own policy lets no script run but its own.
"""

from __future__ import annotations

from pathlib import Path

from knowhow.environments.errors import BadSetting, KnowhowError
from knowhow.environments.whole import whole_file
from knowhow.evals.reporting.embedded import MOST_EPISODES
from knowhow.evals.reporting.page import render
from knowhow.evals.reporting.source import read
from knowhow.evals.reporting.view import view


def write_report(folder: Path, out: Path | None = None, *, episodes: int = MOST_EPISODES) -> Path:
    """Write the report of the run in ``folder`` to ``out`` (``folder/report.html``), and return where it is.

    ``episodes``: how many the page holds step by step, at most; where a run has more, the page says so.
    Raises: MemoryDamaged where the folder is no run folder; BadSetting or KnowhowError where ``out`` cannot be written.
    """
    folder = Path(folder)
    out = Path(out) if out is not None else folder / "report.html"
    if out.is_dir():
        raise BadSetting(f"{out} is a folder; name the HTML file to write")
    _write(out, render(view(read(folder, episodes))))
    return out


def _write(out: Path, page: str) -> None:
    """All or nothing: a reader sees the old page or the new one."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as part:
            part.write_text(page, encoding="utf-8")
    except OSError as error:
        raise KnowhowError(f"cannot write the report {out}: {error.strerror}; name another place by --out") from None
