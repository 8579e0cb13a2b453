"""A row of a table as a question: which field is what, and what may stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.gradings.choice import chosen_of, lettered
from knowhow.environments.question import Question


@dataclass(frozen=True, slots=True)
class Accepted(Question):
    """A question with every answer that counts as right; ``answer`` is the first of them."""

    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of the fields, with dots into nested ones (``answers.text``). Only the first two must be there.

    An answer may be a list of all that are right; with choices, it may be a letter, or a place from 0.
    """

    question: str = "question"
    answer: str = "answer"
    choices: str = "choices"
    kind: str = "kind"

    def read(self, row: Mapping[str, Any]) -> Accepted:
        """Raises: BadSetting for a row that is no question."""
        text = str(_required(row, self.question)).strip()
        choices = tuple(map(str, _several(_value(row, self.choices))))
        accepted = tuple(_right(answer, choices) for answer in _several(_required(row, self.answer)))
        kind = str(_value(row, self.kind) or "question")
        shown = f"{text}\n{lettered(choices)}" if choices else text
        return Accepted(shown, accepted[0], kind, choices, accepted)


def _right(answer: object, choices: tuple[str, ...]) -> str:
    if isinstance(answer, Mapping):
        raise BadSetting(
            f"the answer {dict(answer)!r:.60} is an object; name a field in it, as in answer='answers.text'"
        )
    if not choices:
        return str(answer).strip()
    chosen = chosen_of(choices, str(answer))
    if chosen is None and isinstance(answer, int) and 0 <= answer < len(choices):
        chosen = choices[answer]
    if chosen is None:
        raise BadSetting(f"the answer {answer!r} is none of the choices {list(choices)}")
    return chosen


def _several(value: object) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _required(row: Mapping[str, Any], name: str) -> Any:
    value = _value(row, name)
    if value is None or value == [] or not str(value).strip():
        there = f"its fields are {', '.join(map(str, row))}"
        raise BadSetting(f"it has nothing in the field {name!r}; {there}; name another as in question='text'")
    return value


def _value(row: Mapping[str, Any], name: str) -> Any:
    """What a field holds, by its name or by a path of names; None where there is none."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
