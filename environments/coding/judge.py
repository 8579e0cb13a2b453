"""Is a submitted program right? Its tests run in one sandbox, the program in another, and this process carries plain
values between them.

So there is nothing for a submission to forge: it meets no test, no expected value and no verdict. It can end its
process, patch what it likes there, or answer what it likes; an answer counts where it is the right value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from knowhow.environments.coding import plain, solution_guest, tests_guest
from knowhow.environments.coding.problem import Problem
from knowhow.environments.sandbox import Conversation, Limits, converse

LIMITS = Limits(seconds=120, cpu=10, memory_mb=512, output_kb=1024)
"""Of each side, for all tests of a problem together; the clock ends only what waits, so that a busy machine changes no
verdict."""


async def passes(problem: Problem, program: str, *, limits: Limits = LIMITS) -> bool:
    """Does the program pass every hidden test of the problem?"""
    tested = {
        "setup": problem.setup,
        "tests": problem.tests,
        "names": list(problem.names),
        "checks": problem.checks,
    }
    async with (
        converse(_code(tests_guest.__file__), limits=limits) as tests,
        converse(_code(solution_guest.__file__), limits=limits) as solution,
    ):
        if not await _began(solution, {"program": program}):
            return False
        await _said(tests)
        await tests.reply(tested)
        while (request := await _said(tests)) is not None:
            if isinstance(request, dict) and "passed" in request:
                return True
            await solution.reply(request)
            answer = await _said(solution)
            if answer is None:
                return False
            await tests.reply(answer)
        return False


async def _began(solution: Conversation, order: Mapping[str, Any]) -> bool:
    """Has the submission been run, so that it can be called?"""
    await _said(solution)
    await solution.reply(order)
    return bool(await _said(solution) == "ready")


async def _said(guest: Conversation) -> Any:
    """What a guest sends next; None where it sends nothing any more."""
    async for request in guest:
        return request
    return None


@cache
def _code(file: str) -> str:
    return Path(plain.__file__).read_text(encoding="utf-8") + Path(file).read_text(encoding="utf-8").replace(
        "from __future__ import annotations", ""
    )
