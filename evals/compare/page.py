"""A comparison as one HTML page that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from knowhow.environments.errors import KnowhowError
from knowhow.environments.whole import whole_file
from knowhow.evals.reporting.page import style, templates
from knowhow.evals.reporting.words import chance

COLOURS = ("#1d5fbf", "#a4580b", "#00735a", "#8b3fa8", "#b3365b", "#5b6b00", "#0a7a8c", "#77716a")
"""One an arm; all can be read on light and on dark paper."""


def write_page(result: Mapping[str, Any], folder: Path) -> Path:
    """The page's path in the comparison's folder. Raises: KnowhowError where it cannot be written."""
    page = folder / "report.html"
    try:
        with whole_file(page) as part:
            part.write_text(render(result), encoding="utf-8")
    except OSError as error:
        raise KnowhowError(f"cannot write {page}: {error.strerror}; make room and give the command again") from None
    return page


def render(result: Mapping[str, Any]) -> str:
    template = templates().from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    curves = [
        {"arm": arm["arm"], "colour": COLOURS[place % len(COLOURS)], **arm["curve"]}
        for place, arm in enumerate(result["arms"])
        if arm["curve"]
    ]
    tried = [arm for arm in result["arms"] if arm.get("pass_at")]
    made = {name: value for name, value in result["made_with"].items() if isinstance(value, str) and value}
    return template.render(
        result=result,
        style=Markup(style()),
        headline=_headline(result),
        split=result["plan"]["measure"].get("split", "test"),
        track=_track,
        place=_scale(result),
        chance=chance,
        curves=curves,
        most=max((point[0] for curve in curves for point in curve["points"]), default=1) or 1,
        thresholds=[*curves[0]["episodes_to"]] if curves else [],
        tried=tried,
        ks=[*tried[0]["pass_at"]] if tried else [],
        kinds=sorted({kind for arm in result["arms"] for kind in arm["kinds"]}),
        made=[*made.items()],
    )


def _headline(result: Mapping[str, Any]) -> str:
    told = [one for one in result["differences"] if one["verdict"] != "cannot tell"]
    if not told:
        return f"No arm can be told from {result['against']}"
    best = max(told, key=lambda one: abs(float(one["success"][0])))
    points = 100 * best["success"][0]
    return f"{best['arm']} is {abs(points):.0f} points {best['verdict']} than {result['against']}"


def _scale(result: Mapping[str, Any]) -> Any:
    """From a difference to its place in percent, wide enough for all intervals."""
    shown = [one for one in result["differences"] if one["pairs"]]
    bounds = [abs(bound) for one in shown for bound in one["success"]]
    bounds += [abs(bound) for one in shown if one["runs"] > 1 for bound in one["over_runs"]]
    far = min(1.0, max([0.1, *bounds]) * 1.05)
    return lambda value: round(50 + 50 * max(-1.0, min(1.0, value / far)), 2)


def _track(success: list[float | None]) -> Markup:
    value, low, high = success
    mark = Markup('<circle class="mark" cx="{}%" cy="11" r="5.5"/>').format(100 * value) if value is not None else ""
    return Markup(
        '<svg class="track" width="100%" height="22" aria-hidden="true">'
        '<line class="rail" x1="0" x2="100%" y1="11" y2="11"/>'
        '<line class="band" x1="{}%" x2="{}%" y1="11" y2="11"/>{}</svg>'
    ).format(100 * (low or 0), 100 * (high or 0), mark)
