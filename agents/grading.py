"""A model judge as the grader of a suite: of answers to questions, and of web pages.

What it is asked is the suite's own business: it may see the right answer, which nothing that plays ever does. Its calls
are its own, in no run's budget; ``calls`` limits them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowhow.agents.judge import Judge, judge_of
from knowhow.agents.metering import Budget, Meter
from knowhow.agents.model import load_model
from knowhow.agents.transcript import quoted
from knowhow.environments.discover import at_least
from knowhow.environments.question import Question
from knowhow.environments.types import Task

if TYPE_CHECKING:
    from knowhow.environments.browser.episode import View
    from knowhow.environments.web_tasks import WebTask


class Judged:
    """A grading for ``qa`` and ``mcp``: ``grading="knowhow.agents.grading:Judged(by='openai:NAME')"``.

    ``by`` is a model's URI, ``judge`` one of ``agents/judges``. The reward is the judge's score. Raises: BadSetting,
    UnknownName for what is not there; asked for a grade, BudgetExceeded and ModelError.
    """

    def __init__(self, *, by: str, judge: str = "overall", calls: int = 0) -> None:
        self._judge = _limited(by, judge, calls)

    async def __call__(self, question: Question, answer: str) -> float:
        right = f"\nThe right answer, which the attempt did not see: {question.answer}" if question.answer else ""
        return (await self._judge(question.text + right, [f"The answer given:\n{quoted(answer)}"])).score


class JudgedPage:
    """A judge for ``web``, made in a file of one's own: ``judge = JudgedPage(by="openai:NAME")``, and then
    ``judge='mine.py:judge'``. It sees the goal, what the task's ``judge`` says, and the page's text at the end.

    Settings and errors are those of ``Judged``.
    """

    def __init__(self, *, by: str, judge: str = "overall", calls: int = 0) -> None:
        self._judge = _limited(by, judge, calls)

    async def __call__(self, task: Task, row: WebTask, view: View, answer: str) -> float:
        page = f"The page at the end, {view.url}:\n{quoted(await view.text())}"
        said = f"\nThe answer given:\n{quoted(answer)}" if answer else ""
        return (await self._judge(f"{task.goal}\n{row.judge}".strip(), [page + said])).score


def _limited(by: str, judge: str, calls: int) -> Judge:
    at_least(0, calls=calls)
    return judge_of(judge, load_model(by, meter=Meter(Budget(calls=calls or None))))
