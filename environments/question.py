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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from knowhow.environments.calls import tool
from knowhow.environments.errors import UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task, ToolCall

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


class OneTurn(TextSuite):
    """A suite of questions: subclass it with ``questions``, and with ``grade`` where an equal text is not what counts.

    Task ids are the split and the question's place in it. ``max_steps`` leaves room for a call that cannot be read: the
    first answer ends the episode.
    """

    tool = ANSWER
    max_steps = 3

    @abstractmethod
    def questions(self, split: Split) -> Sequence[Question]:
        """The questions of a split, always the same and in the same order. Asked once, then kept."""

    def grade(self, question: Question, answer: str) -> float:
        """The reward in [0, 1] of an answer; here 1 where it is the right text, whatever its case and outer blanks."""
        return float(answer.strip().casefold() == question.answer.strip().casefold())

    def tasks(self, split: Split) -> Sequence[Task]:
        return Lazy(len(self._kept(split)), partial(self._task, split))

    def world(self, task: Task, *, seed: int) -> TextWorld:
        return _Turn(self, self._question(task))

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


class _Turn(TextWorld):
    """The one turn: any text is an answer, also where choices are offered."""

    def __init__(self, suite: OneTurn, question: Question) -> None:
        self._suite = suite
        self._question = question

    def begin(self) -> str:
        return self._question.text

    def commands(self) -> Sequence[str] | None:
        return self._question.choices or None

    def accepts(self, command: str) -> bool:
        return True

    def do(self, command: str) -> tuple[str, float, bool]:
        # Whether it was right is told by the reward alone, so that an agent without labels cannot read it off.
        return "Your answer is noted.", self._suite.grade(self._question, command), True
