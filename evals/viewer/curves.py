"""Curves as plain data, which ``static/charts.js`` draws: points with their intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from knowhow.evals.reporting.figures import Rate, RoundRow

Point = tuple[float, float, float]
"""A value, and the ends of its interval."""


def learning(rounds: Sequence[RoundRow]) -> str:
    """Success by round, of training and of validation; a round that was rolled back is drawn hollow."""
    hollow = [place for place, row in enumerate(rounds) if row.kept is False]
    return _chart(
        "round",
        [row.round for row in rounds],
        [
            _series("training", "train", [_point(row.train) for row in rounds], dashed=True),
            _series("validation", "validation", [_point(row.validation) for row in rounds], hollow=hollow),
        ],
    )


def together(runs: Mapping[str, Sequence[RoundRow]]) -> str:
    """Validation success (training, where nothing was validated) of several runs over the training episodes so far."""
    curves = [_over_episodes(rounds) for rounds in runs.values()]
    xs = sorted({x for curve in curves for x in curve})
    series = [
        _series(name, f"run-{place}", [curve.get(x) for x in xs])
        for place, (name, curve) in enumerate(zip(runs, curves, strict=True), 1)
    ]
    return _chart("training episodes", xs, series)


def effects(measured: Sequence[tuple[int, Mapping[str, float]]]) -> str:
    """An item's measured effect by version of the memory."""
    points = [(told["mean"], told["low"], told["high"]) for _, told in measured]
    return _chart("version", [version for version, _ in measured], [_series("effect", "after", points)], unit="reward")


def growth(versions: Iterable[tuple[int, int]]) -> str:
    """How many items there were at each version, from what each added and removed."""
    known = [(0, 0), *versions]
    totals = accumulate(more for _, more in known)
    return _chart(
        "version", [version for version, _ in known], [_series("items", "after", [(n, n, n) for n in totals])],
        unit="items",
    )  # fmt: skip


def _over_episodes(rounds: Sequence[RoundRow]) -> dict[int, Point]:
    validated = any(row.validation.n for row in rounds)
    played = accumulate(row.train.n for row in rounds)
    points = ((x, _point(row.validation if validated else row.train)) for x, row in zip(played, rounds, strict=True))
    return {x: point for x, point in points if point is not None}


def _point(rate: Rate) -> Point | None:
    return None if rate.value is None else (rate.value, *rate.interval)


def _series(
    name: str, colour: str, points: Sequence[Point | None], *, dashed: bool = False, hollow: Sequence[int] = ()
) -> dict[str, Any]:
    columns = ("y", "low", "high")
    values = {column: [p and p[place] for p in points] for place, column in enumerate(columns)}
    return {"name": name, "colour": colour, "dashed": dashed, "hollow": [*hollow], **values}


def _chart(label: str, xs: Sequence[float], series: Sequence[Mapping[str, Any]], unit: str = "share") -> str:
    told = [one for one in series if any(y is not None for y in one["y"])]
    return json.dumps({"label": label, "unit": unit, "x": [*xs], "series": told}) if told and len(xs) > 1 else ""
