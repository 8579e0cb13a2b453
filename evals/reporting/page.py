"""The page: a Jinja template with its style and script inside, and nothing that it would have to fetch."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from knowhow.evals.reporting import versions, words
from knowhow.evals.reporting.plain import plain
from knowhow.memory import exports

PACKAGE = "knowhow.evals.reporting"


def render(view: Mapping[str, Any]) -> str:
    """The page as one HTML document; ``view`` is what ``view.py`` makes."""
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = templates().get_template("page.html")
    # Own assets, the same in every report; everything else is escaped.
    return page.render(view, script=Markup(script), style=Markup(style()), digest=digest)


def style() -> str:
    return _asset("page.css")


@cache
def templates() -> Environment:
    """Jinja with everything escaped, and with the filters of a page."""
    made = Environment(
        loader=FunctionLoader(_asset),
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


def _asset(name: str) -> str:
    return files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


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
