"""The templates of a run's pages, and how their texts come out: escaped, with nothing in them that acts."""

from __future__ import annotations

import re
import time
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from knowhow.evals.reporting import versions, words
from knowhow.evals.reporting.plain import plain
from knowhow.memory import exports

PACKAGE = "knowhow.evals.reporting"


def environment(*folders: Traversable) -> Environment:
    """The templates in these folders, the first that has a name gives it, else the report's own."""
    made = Environment(
        loader=FunctionLoader(lambda name: _template(name, (*folders, files(PACKAGE)))),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": words.percent, "points": words.points, "between": words.between, "number": _number, "usd": _usd,
        "prose": _prose, "day": _day, "worded": versions.worded, "other_changes": versions.other_changes,
        "effect": exports.effect,
    }  # fmt: skip
    return made


def asset(name: str) -> str:
    """The text of a file of the report's."""
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


def _template(name: str, folders: tuple[Traversable, ...]) -> str | None:
    found = (folder.joinpath(name) for folder in folders)
    return next((file.read_text(encoding="utf-8") for file in found if file.is_file()), None)


def _finalize(value: Any) -> Any:
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _usd(value: float) -> str:
    return f"${value:,.2f}" if value >= 0.01 or not value else f"${value:.4f}"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def _prose(text: str) -> Markup:
    """Text in which `what stands between backticks` is set as code."""
    parts = re.split(r"`([^`\n]+)`", plain(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)
    )
