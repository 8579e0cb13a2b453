"""A programming problem, and how one is read from a row in HumanEval's or in MBPP's field names.

HumanEval (arXiv 2107.03374): ``task_id``, ``prompt`` (the head of a function, with its docstring), ``entry_point``,
``canonical_solution`` (the body), ``test`` (defines ``check(candidate)``). MBPP (arXiv 2108.07732): ``task_id``,
``text`` or ``prompt`` (a sentence), ``code``, ``test_list`` (assertions), ``test_setup_code`` or ``test_imports``,
``challenge_test_list``. Either may have a ``kind``.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from knowhow.environments.errors import BadSetting

HEAD = "Write the Python function {name} in solution.py, where its head stands already.\n\n{prompt}"
SENTENCE = "{text}\nWrite it in solution.py, which is empty as yet. For example, this has to hold:\n{example}"


@dataclass(frozen=True, slots=True)
class Problem:
    """``goal`` is what the agent reads, ``start`` what its ``solution.py`` holds at first.

    The rest stays inside the suite: a right ``solution``, the ``names`` of the functions that are called, and the
    ``tests``, which come after ``setup``. With ``checks`` they define ``check``, to be called with the first function.
    """

    id: str
    kind: str
    goal: str
    start: str
    solution: str
    names: tuple[str, ...]
    setup: str
    tests: str
    checks: bool


def read_problem(row: Mapping[str, Any]) -> Problem:
    """Raises: BadSetting, with the field, for a row that is no problem."""
    problem = _of_humaneval(row) if "entry_point" in row else _of_mbpp(row)
    for text in (problem.solution, problem.setup, problem.tests):
        _parsed(text, problem.id)
    return problem


def _of_humaneval(row: Mapping[str, Any]) -> Problem:
    prompt, name = _text(row, "prompt"), _text(row, "entry_point")
    whole = prompt + _text(row, "canonical_solution")
    goal = HEAD.format(name=name, prompt=prompt.rstrip())
    if name not in (defined := _functions(_parsed(whole, _id(row)))):
        raise BadSetting(f"its entry_point {name!r} is none of the functions that it defines: {', '.join(defined)}")
    return Problem(_id(row), _kind(row), goal, prompt, whole, (name,), whole, _text(row, "test"), checks=True)


def _of_mbpp(row: Mapping[str, Any]) -> Problem:
    text, code = _text(row, "text" if "text" in row else "prompt"), _text(row, "code")
    tests = [*_texts(row, "test_list"), *_texts(row, "challenge_test_list")]
    if not tests:
        raise BadSetting(f"its test_list is empty; the fields of a problem are in {__name__}")
    names = _called(code, tests, _id(row))
    setup = "\n".join([str(row.get("test_setup_code") or ""), *_texts(row, "test_imports")])
    goal = SENTENCE.format(text=text, example=tests[0])
    return Problem(_id(row), _kind(row), goal, "", code, names, setup, "\n".join(tests), checks=False)


def _called(code: str, tests: list[str], id: str) -> tuple[str, ...]:
    """The functions that the right program defines and the tests call."""
    own = _functions(_parsed(code, id))
    calls = (node.func for node in ast.walk(_parsed("\n".join(tests), id)) if isinstance(node, ast.Call))
    names = dict.fromkeys(func.id for func in calls if isinstance(func, ast.Name) and func.id in own)
    if not names:
        raise BadSetting("its test_list calls no function that its code defines")
    return tuple(names)


def _functions(program: ast.Module) -> list[str]:
    return [node.name for node in program.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _parsed(code: str, id: str) -> ast.Module:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadSetting(f"the problem {id} holds what is no Python ({error}): {code.strip()[:60]!r}") from None


def _id(row: Mapping[str, Any]) -> str:
    id = row.get("task_id")
    if not isinstance(id, str | int) or not str(id).strip():
        raise BadSetting(f"it has no task_id; its fields are {', '.join(map(str, row))}")
    return str(id).strip()


def _kind(row: Mapping[str, Any]) -> str:
    return str(row.get("kind") or "function")


def _text(row: Mapping[str, Any], field: str) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        there = f"its fields are {', '.join(map(str, row))}"
        raise BadSetting(f"it has no text in the field {field!r}; {there}; see HumanEval's or MBPP's field names")
    return value


def _texts(row: Mapping[str, Any], field: str) -> list[str]:
    value = row.get(field) or []
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise BadSetting(f"its field {field!r} is {value!r:.60}, not a list of texts")
    return list(value)
