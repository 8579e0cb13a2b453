"""Questions from a file in Spider's or in BIRD's field names.

Spider (arXiv 1809.08887): ``db_id``, ``question``, ``query``. BIRD (arXiv 2305.03111): ``db_id``, ``question``,
``SQL``, ``evidence``, ``difficulty``. The databases lie in a folder, as ``DB_ID/DB_ID.sqlite``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.records import read_rows
from knowhow.environments.relational.asking import Asked
from knowhow.environments.shares import split_of

ENOUGH = 10
"""From so many databases on, each belongs to one split as a whole, as in Spider; else each question does."""


def read_questions(source: str, databases: str, seed: int) -> list[Asked]:
    """Raises: BadSetting, with the row, for what is no question, and for a database that is not there."""
    rows = read_rows(source)
    whole = len({row.get("db_id") for _, row in rows}) >= ENOUGH
    found = []
    for number, row in rows:
        try:
            found.append(_question(number, row, Path(databases).expanduser(), whole, seed))
        except BadSetting as error:
            raise BadSetting(f"{source} line {number}: {error}") from None
    return found


def database_file(folder: str, name: str) -> Path:
    return Path(folder).expanduser() / name / f"{name}.sqlite"


def _question(number: int, row: Mapping[str, Any], folder: Path, whole: bool, seed: int) -> Asked:
    database, text = _text(row, "db_id"), _text(row, "question")
    gold = _text(row, "SQL" if "SQL" in row else "query")
    file = database_file(str(folder), database)
    if Path(database).name != database or not file.is_file():
        raise BadSetting(f"there is no database {file}; name the folder that has it as in databases='FOLDER'")
    evidence = str(row.get("evidence") or "").strip()
    kind = str(row.get("difficulty") or "question")
    split = split_of(database if whole else text, seed)
    return Asked(f"{database}-{number}", kind, f"{text}\nHint: {evidence}" if evidence else text, gold, database, split)


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        there = f"its fields are {', '.join(map(str, row))}"
        raise BadSetting(f"it has no text in the field {field!r}; {there}; see Spider's or BIRD's field names")
    return value.strip()
