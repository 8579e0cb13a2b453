"""Questions: suites whose episode is one answer.

::

    class Sums(OneTurn):
        name, description = "sums", "Adding two numbers."

        def questions(self, split: Split) -> list[Question]:
            first = SPLITS.index(split)
            return [Question(f"What is {a} + {b}?", str(a + b)) for a in range(first, 90, 3) for b in range(90)]
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable

from knowhow.environments.calls import tool
from knowhow.environments.episode import Episode
from knowhow.environments.errors import UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall

ANSWER = tool("answer", "Give your answer. There is one try.", text="The answer alone.")


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``answer`` stays inside the suite; it is empty where only the grader knows what is right.

    ``choices`` are offered as the possible answers, all of them shown; others are graded too. Subclass it to keep more
    for the grader.
    """

    text: str
    answer: str = ""
    kind: str = "question"
    choices: tuple[str, ...] = ()


class OneTurn(Suite):
    """A suite of questions: subclass it with ``questions``, and with ``grade`` where an equal text is not what counts.

    Task ids are the split and the question's place in it. ``max_steps`` leaves room for a call that cannot be read: the
    first answer ends the episode.
    """

    max_steps = 3

    @abstractmethod
    def questions(self, split: Split) -> Sequence[Question]:
        """The questions of a split, always the same and in the same order. Asked once, then kept."""

    def grade(self, question: Question, answer: str) -> float | Awaitable[float]:
        """The reward in [0, 1] of an answer; here 1 where it is the right text, whatever its case and outer blanks.

        It may be an ``async def``, for what takes its time: a judge, a process.
        """
        return float(answer.strip().casefold() == question.answer.strip().casefold())

    def tasks(self, split: Split) -> Sequence[Task]:
        return Lazy(len(self._kept(split)), partial(self._task, split))

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        yield _Turn(self, self._question(task))

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        answer = self._question(task).answer
        return [ToolCall("answer", {"text": answer})] if answer else None

    def _task(self, split: Split, index: int) -> Task:
        question = self._kept(split)[index]
        return Task(f"{split}-{index}", self.name, split, question.kind, question.text)

    def _question(self, task: Task) -> Question:
        number = task.id.removeprefix(f"{task.split}-")
        if task.split not in SPLITS or not number.isdecimal() or int(number) >= len(self._kept(task.split)):
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return self._kept(task.split)[int(number)]

    def _kept(self, split: Split) -> Sequence[Question]:
        kept: dict[Split, Sequence[Question]] = self.__dict__.setdefault("_questions", {})
        if split not in kept:
            kept[split] = tuple(self.questions(split))
        return kept[split]


class _Turn(Episode):
    """The one turn: any text is an answer, also where choices are offered."""

    def __init__(self, suite: OneTurn, question: Question) -> None:
        super().__init__(ANSWER)
        self._suite = suite
        self._question = question

    async def begin(self) -> Feedback:
        return Feedback(self._question.text, commands=self._question.choices or None)

    async def answer(self, call: ToolCall) -> Feedback:
        grade = self._suite.grade(self._question, call.arguments["text"].strip())
        reward = await grade if isawaitable(grade) else grade
        # Whether it was right is told by the reward alone, so that an agent without labels cannot read it off.
        return Feedback("Your answer is noted.", reward, terminated=True, commands=())
