"""Settings that do not fit are one line that names the setting, its value and what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from knowhow.environments.discover import build, parse
from knowhow.environments.errors import BadSetting
from knowhow.environments.fitting import fit


@dataclass
class Part:
    given: object
    count: int = 1
    share: float = 0.5
    name: str = ""
    shown: bool = True
    most: int | None = None
    way: Literal["up", "down"] = "up"
    many: tuple[str, ...] = ()
    odd: Missing = None  # type: ignore[name-defined] # noqa: F821


class Plain:
    def __init__(
        self, given: object, *, count: int = 1, way: Literal["up", "down"] = "up", many: object = ()
    ) -> None: ...


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"count": "x"}, "count='x' of plain must be a whole number"),
        ({"count": 1.5}, "count=1.5 of plain must be a whole number"),
        ({"count": True}, "count=True of plain must be a whole number"),
        ({"way": "left"}, "way='left' of plain must be 'up' or 'down'"),
        ({"cuont": 1}, "there is no setting 'cuont' of plain; there are count, way, many"),
        ({"given": 1}, "there is no setting 'given' of plain; there are count, way, many"),
    ],
)
def test_what_does_not_fit_is_told(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting) as caught:
        fit(Plain, "plain", settings, 1)
    assert str(caught.value) == complaint


def test_what_fits_or_cannot_be_judged_passes() -> None:
    fit(Plain, "plain", {"count": 3, "way": "down", "many": 7}, 1)
    fit(Part, "part", {"count": "a declaration cannot be read, so that nothing is known"}, 1)
    fit(dict, "anything", {"whatever": 1})


@pytest.mark.parametrize(
    ("package", "specification", "complaint"),
    [
        ("environments.suites", "remote(url=7)", "url=7 of remote must be a text in quotes"),
        ("environments.suites", "gymnasium(id=FrozenLake-v1)", r"a text has quotes, as in 'FrozenLake-v1'"),
        ("environments.suites", "household(colour='red')", "there is no setting 'colour' of household; it has none"),
        ("training.recipes", "sft(cap='x')", "cap='x' of sft must be a whole number"),
        ("training.recipes", "sft(memory=3)", "memory=3 of sft must be True or False"),
        ("training.recipes", "sft(cup=3)", "there is no setting 'cup' of sft; there are "),
    ],
)
def test_parts_are_checked_where_they_are_made(package: str, specification: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        build(f"knowhow.{package}", specification)


def test_values_are_read_as_python_writes_them() -> None:
    assert parse("a(x=-1, y=[1, 2], z={'k': None})") == ("a", {"x": -1, "y": [1, 2], "z": {"k": None}})
