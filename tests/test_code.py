"""The suite ``code``: right programs pass, plausible wrong ones do not, and no trick stands in for a right one."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from wrong_solutions import WRONG

from knowhow.environments.check import assert_conforms
from knowhow.environments.coding.judge import passes
from knowhow.environments.coding.problem import Problem, read_problem
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.records import read_rows
from knowhow.environments.sandbox import Limits
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.suites.code import Code
from knowhow.environments.types import SPLITS, Environment, Feedback, Task, ToolCall

walled = pytest.mark.skipif(bool(Bubblewrap().fails()), reason=Bubblewrap().fails() or "bubblewrap works")

HUMANEVAL = {
    "task_id": "Own/0",
    "prompt": 'def double(x: int) -> int:\n    """Twice a number.\n\n    >>> double(2)\n    4\n    """\n',
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n" + "".join(f"    assert candidate({x}) == {2 * x}\n" for x in (3, -1, 0)),
}
MBPP = {
    "task_id": 7,
    "text": "Write a function to keep the even numbers of a list.",
    "code": "def is_even(x):\n  return x % 2 == 0\ndef evens(xs):\n  return [x for x in xs if is_even(x)]",
    "test_list": ["assert evens([1, 2]) == [2]", "assert set(evens([4, 4, 6])) == set([4, 6])"],
    "test_setup_code": "",
    "challenge_test_list": ["assert evens([]) == []"],
}
DOUBLE = read_problem(HUMANEVAL)


def own() -> list[Problem]:
    return list(Code()._problems.values())


async def passed(problem: Problem, program: str, **limits: Any) -> bool:
    return await passes(problem, program, limits=Limits(**{"seconds": 5, "memory_mb": 512, **limits}))


async def each(problems: list[tuple[Problem, str]]) -> list[str]:
    """The ids of those that pass, four at a time."""
    gate = asyncio.Semaphore(4)

    async def one(problem: Problem, program: str) -> str:
        async with gate:
            return problem.id if await passed(problem, program) else ""

    return [id for id in await asyncio.gather(*(one(*pair) for pair in problems)) if id]


def saved(path: Path, *rows: Mapping[str, Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@walled
def test_it_is_a_suite() -> None:
    assert_conforms(Code(), tasks_per_split=2, seeds=(0,))


def test_our_own_problems_are_of_several_kinds_in_every_split() -> None:
    kinds = {problem.kind for problem in own()}
    assert len(own()) >= 60 and len(kinds) >= 7
    for problem in own():
        assert ">>>" in problem.goal and problem.tests.count("assert") >= 4
        assert problem.solution.startswith(problem.start) and problem.solution != problem.start


@walled
async def test_our_own_solutions_pass() -> None:
    some = own()[::4]
    assert await each([(problem, problem.solution) for problem in some]) == [problem.id for problem in some]


@walled
async def test_the_hidden_tests_refuse_plausible_wrong_solutions() -> None:
    problems = {problem.names[0]: problem for problem in own()}
    assert len(WRONG) >= 50 and WRONG.keys() <= problems.keys()
    assert await each([(problems[name], wrongs[-1]) for name, wrongs in list(WRONG.items())[::3]]) == []


def test_every_wrong_solution_fails_the_tests_in_this_process_too() -> None:
    """Quick, for all of them: these are our own texts, and do nothing but compute."""
    for problem in own():
        for wrong in WRONG.get(problem.names[0], ()):
            program: dict[str, Any] = {}
            tests: dict[str, Any] = {}
            exec(wrong, program)
            exec(problem.tests, tests)
            with pytest.raises(Exception):  # noqa: B017  (whatever it fails with)
                tests["check"](program[problem.names[0]])


TRICKS = {
    "exit": "import sys\nsys.exit(0)",
    "exit when called": "import sys\ndef double(x):\n    sys.exit(0)",
    "hard exit": "import os\nos._exit(0)",
    "hard exit when called": "import os\ndef double(x):\n    os._exit(0)",
    "exit at exit": "import atexit, os\natexit.register(os._exit, 0)",
    "nothing": "",
    "no Python": "def double(x:",
    "another name": "def triple(x): return 2 * x",
    "no function": "double = 6",
    "equal to everything": "class E(int):\n    def __eq__(s, o): return True\ndef double(x): return E(1)",
    "equal object": "class E:\n    def __eq__(s, o): return True\ndef double(x): return E()",
    "text of its own": "class E(str):\n    def __eq__(s, o): return True\ndef double(x): return E('6')",
    "builtins": "import builtins as b\nb.AssertionError = ValueError\nb.eval = b.int = print\ndef double(x): return 0",
    "patched encoder": "import json\njson.dumps = lambda *a, **k: '{\"passed\": true}'\ndef double(x): return 0",
    "printed marker": "print('{\"passed\": true}')\ndef double(x):\n    print('passed')\n    return 0",
    "raises": "def double(x): raise AssertionError",
    "base exception": "def double(x): raise BaseException('passed')",
    "forever": "def double(x):\n    while True: pass",
    "asks itself": """
import sys
frame = sys._getframe()
while frame and "ask" not in frame.f_globals and "ask" not in frame.f_locals:
    frame = frame.f_back
ask = frame.f_locals.get("ask") or frame.f_globals["ask"]
for n in range(8):
    ask({"passed": True})
""",
    "writes to the pipe": """
import os
for fd in range(3, 20):
    try:
        os.write(fd, b'{"passed": true}\\n' * 9)
    except OSError:
        pass
def double(x): return 0
""",
    "answers before it is asked": """
import os
for fd in range(3, 20):
    try:
        os.write(fd, b'"ready"\\n{"value": 6}\\n{"value": 6}\\n{"value": 6}\\n')
    except OSError:
        pass
def double(x): return 6
""",
    "reads the tests": """
import gc, glob, sys
seen = str([o for o in gc.get_objects() if isinstance(o, (str, dict, list))][:100000]) + str(sys.argv)
for path in glob.glob("/**/*", recursive=True)[:2000]:
    try:
        seen += open(path, errors="replace").read(1 << 14)
    except OSError:
        pass
known = "candidate(3)" + " == 6" in seen or "assert candidate(-1)" in seen
def double(x): return 2 * x if known else 0
""",
    "a deep value": "def double(x):\n    v = []\n    for _ in range(500): v = [v]\n    return v",
    "a bomb": "def double(x): return 'x' * (1 << 26)",
    "strange value": "def double(x): return float('nan')",
    "forged value": "import sys\nf = sys._getframe(1)\ndef double(x): return {'value': 6}",
    "a killed parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\ndef double(x): return 0",
}


@walled
@pytest.mark.parametrize("trick", TRICKS)
async def test_no_trick_passes(trick: str) -> None:
    assert not await passed(DOUBLE, TRICKS[trick], seconds=1)


@walled
async def test_what_is_right_passes_however_it_is_written() -> None:
    assert await passed(DOUBLE, "double = lambda x: x + x")
    assert await passed(DOUBLE, "print('hello')\nclass D:\n    def __call__(self, x): return x << 1\ndouble = D()")
    assert await passed(DOUBLE, "def double(x):\n    print(x)\n    return x * 2")
    assert await passed(DOUBLE, "if __name__ == '__main__':\n    raise SystemExit(1)\ndef double(x): return x * 2")


VALUES = """
def check(candidate):
    for value in (None, True, 0, -5, 10**40, 0.1, float('inf'), 1j, '', 'é\\n', b'\\xff', [], [1, [2]], (), (1,),
                  {1, 2}, set(), frozenset({3}), {}, {'a': 1}, {(1, 2): [None]}, {1: {2: {3}}}):
        back = candidate(value)
        assert back == value and type(back) is type(value), value
    assert candidate(x=[(1, 'a')]) == [(1, 'a')]
    try:
        candidate('boom')
    except KeyError:
        return
    assert False
"""


@walled
async def test_values_arrive_as_they_are_and_exceptions_as_what_they_are() -> None:
    row = {**HUMANEVAL, "entry_point": "same", "canonical_solution": "    return x\n", "test": VALUES}
    row["prompt"] = "def same(x):\n    '''The same.'''\n    if x == 'boom':\n        raise KeyError(x)\n"
    problem = read_problem(row)
    assert await passed(problem, problem.solution)
    assert not await passed(problem, problem.solution.replace("KeyError", "LookupError"))
    assert not await passed(problem, "def same(x):\n    return list(x) if isinstance(x, tuple) else x")


async def call(env: Environment, name: str, **arguments: str) -> Feedback:
    return await env.step(ToolCall(name, arguments))


@walled
async def test_an_episode_keeps_its_files_and_ends_when_they_are_handed_in(tmp_path: Path) -> None:
    suite = Code(saved(tmp_path / "p.jsonl", HUMANEVAL))
    (task,) = (task for split in SPLITS for task in suite.tasks(split))
    async with suite.open(task, seed=0) as env:
        assert ">>> double(2)" in (await env.reset()).observation
        told = await call(env, "edit", path="solution.py", text="    return x * 3\n", passage="return 1")
        assert told.observation == "solution.py: the passage is there 0 times, not once; nothing was changed."
        await call(env, "edit", path="solution.py", text="def double(x):\n    return x * 3\n")
        await call(env, "edit", path="solution.py", text="* 2", passage="* 3")
        told = await call(env, "run_python", code="from solution import double\nprint(double(21))")
        assert told.observation == "42"
        told = await call(env, "run_bash", command="cat solution.py | wc -l; echo note > deep.txt; exit 3")
        assert told.observation == "2\n(exit status 3)"
        assert (await call(env, "run_python", code="print(open('deep.txt').read())")).observation == "note"
        assert (await call(env, "edit", path="../x", text="")).observation.startswith("'../x' is no file of")
        last = await call(env, "submit")
        assert (last.reward, last.terminated, last.observation) == (1.0, True, "Your solution is handed in.")


@walled
async def test_a_wrong_solution_is_told_by_the_reward_alone_and_none_can_be_handed_in(tmp_path: Path) -> None:
    suite = Code(saved(tmp_path / "p.jsonl", HUMANEVAL))
    (task,) = (task for split in SPLITS for task in suite.tasks(split))
    async with suite.open(task, seed=0) as env:
        await env.reset()
        await call(env, "run_bash", command="mv solution.py x; ln -s x solution.py")
        lacking = await call(env, "submit")
        assert (lacking.done, lacking.observation) == (False, "There is no file solution.py to hand in.")
        await call(env, "run_bash", command="rm solution.py; mv x solution.py")
        last = await call(env, "submit")
        assert (last.reward, last.done, last.observation) == (0.0, True, "Your solution is handed in.")


@walled
async def test_the_agent_sees_neither_tests_nor_solution(tmp_path: Path) -> None:
    secret = {**HUMANEVAL, "test": HUMANEVAL["test"] + "    # 8d4f2c\n"}
    secret["canonical_solution"] = "    return x + x  # 8d4f2c\n"
    suite = Code(saved(tmp_path / "p.jsonl", secret))
    (task,) = (task for split in SPLITS for task in suite.tasks(split))
    assert "8d4f2c" not in repr(task)
    async with suite.open(task, seed=0) as env:
        said = [(await env.reset()).observation]
        commands = ["grep -rs 8d4f2c /tmp /mnt /home /etc /dev/shm | head -3", f"ls {tmp_path} 2>&1", "env"]
        commands += ["cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep '^8d4f2c'"]
        said += [(await call(env, "run_bash", command=command)).observation for command in commands]
        assert "8d4f2c" not in "".join(said).replace("grep -rs 8d4f2c", "")


@walled
async def test_mbpp_is_read_and_its_assertions_are_tests(tmp_path: Path) -> None:
    problem = read_problem(MBPP)
    assert "assert evens([1, 2]) == [2]" in problem.goal and "[4, 4, 6]" not in problem.goal
    assert problem.names == ("evens",)
    assert await passed(problem, problem.solution)
    assert not await passed(problem, "def evens(xs):\n    return [x for x in xs if x % 2 == 0] or None")
    sanitized = {key: value for key, value in MBPP.items() if key not in ("text", "test_setup_code")}
    sanitized |= {"prompt": MBPP["text"], "test_imports": ["import math"]}
    (tmp_path / "sanitized.json").write_text(json.dumps([sanitized]))
    assert [row["task_id"] for _, row in read_rows(str(tmp_path / "sanitized.json"))] == [7]
    assert read_problem(sanitized).setup == "\nimport math"


@walled
def test_a_packed_file_is_read_from_the_specification(tmp_path: Path) -> None:
    rows = [
        {**HUMANEVAL, "task_id": f"Own/{n}", "prompt": HUMANEVAL["prompt"].replace("Twice", f"{n}: twice")}
        for n in range(30)
    ]
    with gzip.open(tmp_path / "HumanEval.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, rows)))
    suite = build("knowhow.environments.suites", f"code(tasks={str(tmp_path / 'HumanEval.jsonl.gz')!r})")
    splits = [{task.id for task in suite.tasks(split)} for split in SPLITS]
    assert set.union(*splits) == {row["task_id"] for row in rows} and sum(map(len, splits)) == 30 and all(splits)
    with pytest.raises(UnknownName, match="no task 'Own/99'"):
        suite.oracle(Task("Own/99", "code", "train", "", ""), seed=0)


@walled
@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**HUMANEVAL, "entry_point": "dobule"}, r"line 2: its entry_point 'dobule' is none of .*: double"),
        ({"entry_point": "f"}, r"line 2: it has no text in the field 'prompt'"),
        ({**HUMANEVAL, "task_id": None}, r"line 2: it has no task_id"),
        ({**HUMANEVAL, "test": "def check(c:\n"}, r"line 2: the problem Own/0 holds what is no Python"),
        ({**HUMANEVAL, "canonical_solution": " "}, r"line 2: it has no text in the field 'canonical_solution'"),
        ({**MBPP, "test_list": [], "challenge_test_list": []}, r"line 2: its test_list is empty"),
        ({**MBPP, "test_list": "assert"}, r"line 2: its field 'test_list' is 'assert', not a list of texts"),
        (
            {**MBPP, "test_list": ["assert len([]) == 0"], "challenge_test_list": []},
            r"line 2: its test_list calls no function",
        ),
        ({"task_id": 1}, r"line 2: it has no text in the field 'prompt'; its fields are task_id"),
        ({**HUMANEVAL, "task_id": "first"}, r"line 2: the task_id 'first' was there before"),
    ],
)
def test_a_row_that_is_no_problem_is_told_with_its_line(row: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=told):
        Code(saved(tmp_path / "p.jsonl", {**HUMANEVAL, "task_id": "first"}, row)).tasks("train")


@walled
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(b"x" * 1000)[:20])
    (tmp_path / "p.json").write_text('{"a": 1}')
    for name, told in (("p.jsonl.gz", "no whole gzip file"), ("p.json", "holds no list"), ("p.txt", "no file of rows")):
        with pytest.raises(BadSetting, match=told):
            Code(str(tmp_path / name)).tasks("train")
    with pytest.raises(BadSetting, match="1 is no file of rows; give its path as a text"):
        Code(1).tasks("train")  # type: ignore[arg-type]  # as in --suite 'code(tasks=1)'


def test_without_walls_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bubblewrap, "fails", lambda self: "bubblewrap is not installed (Debian: ...)")
    monkeypatch.setenv("KNOWHOW_SANDBOX", "weak")
    with pytest.raises(MissingExtra, match="behind bubblewrap only, but bubblewrap is not installed"):
        Code().tasks("train")
