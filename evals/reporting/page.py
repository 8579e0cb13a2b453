"""The page: a Jinja template with its style and script inside, and nothing that it would have to fetch."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from knowhow.evals.reporting.templates import asset, environment

STYLES = ("tokens.css", "charts.css", "page.css")


def render(view: Mapping[str, Any]) -> str:
    """The page as one HTML document; ``view`` is what ``view.py`` makes."""
    script = asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = templates().get_template("page.html")
    # Own assets, the same in every report; everything else is escaped.
    return page.render(view, script=Markup(script), style=Markup(style()), digest=digest)


def style() -> str:
    """The report's style sheet, with the colours and charts that other pages share."""
    return "\n".join(map(asset, STYLES))


@cache
def templates() -> Environment:
    """The report's templates, with the filters of a page."""
    return environment()
