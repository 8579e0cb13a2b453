"""What every layer shares: tasks, tool calls, feedback, steps, trajectories, and what suites and environments are.

Values are frozen dataclasses, so that they can be stored, compared and sent to other processes. A failed episode is
data (a ``Trajectory`` whose ``stop`` says what went wrong), not an exception.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

Tool = Mapping[str, Any]
"""A tool in the OpenAI function format (what LangChain's ``bind_tools`` takes)."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do. It never carries its answer: answers and graders stay inside the suite.

    ``id`` is unique within the suite and names all that the suite needs to build the task again.
    ``kind`` groups tasks that one lesson may serve ("clean", "heat"); ``goal`` is what the agent reads. Requests that
    one person made one after the other share a ``session``; it is empty elsewhere.
    """

    id: str
    suite: str
    split: Split
    kind: str
    goal: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One action of an agent: a tool's name and its arguments."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the world says after ``reset`` or ``step``.

    ``reward`` is what this step earned; an episode's reward is the sum of its steps', clipped to [0, 1], and 1 is
    success. ``terminated``: the task itself is over (solved, or beyond repair). ``truncated``: cut off from outside (a
    step limit). ``commands``: every call that is possible now, as text (``calls.parse_call`` reads it); None where a
    world lists none. ``images``: what is seen beside the text, as ``data:`` URLs, for models that see.
    """

    observation: str
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    commands: tuple[str, ...] | None = None
    images: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        return self.terminated or self.truncated


class StopReason(StrEnum):
    """Why an episode ended."""

    TERMINATED = "terminated"
    """The environment ended the task: solved, or beyond repair."""
    TRUNCATED = "truncated"
    """The environment cut the episode off."""
    MAX_STEPS = "max_steps"
    """The suite's limit of steps was reached."""
    NO_CALL = "no_call"
    """The model gave no usable tool call, several times in a row."""
    BUDGET = "budget"
    """The run's budget of calls, tokens or money was used up."""
    ERROR = "error"
    """The environment or the model failed; ``Trajectory.error`` says how."""
    HIDDEN = "hidden"
    """It ran to its end; how it ended is withheld, because it would tell the label."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What model calls cost. ``prompt_tokens`` include ``cached_tokens``; ``calls`` counts every request sent."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cost_usd + other.cost_usd,
        )

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.calls - other.calls,
            self.prompt_tokens - other.prompt_tokens,
            self.cached_tokens - other.cached_tokens,
            self.completion_tokens - other.completion_tokens,
            self.cost_usd - other.cost_usd,
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Step:
    """One decision and what came of it.

    ``call`` is None where the reply held no usable call; ``said`` is the reply's text. Where the call was of an ability
    that memory offered, ``inner`` holds the environment's calls that it made; the feedback sums up theirs.
    """

    call: ToolCall | None
    feedback: Feedback
    said: str = ""
    inner: tuple[Step, ...] = ()

    @property
    def actions(self) -> int:
        """How many calls of the environment's it took."""
        return len(self.inner) or 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One reply as a model sampled it, in its own token ids: training on these needs no second tokenisation.

    The prompt begins with the first ``kept`` tokens of the prompt and reply before it in the episode; ``prompt`` is
    what follows these. ``logprobs`` are the natural logarithms of the model's probabilities of ``tokens``, one each,
    at temperature 1 and with all tokens allowed, whatever they were drawn at. ``model`` is what answered, with its
    adapter, as the server tells it.
    """

    prompt: tuple[int, ...]
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    kept: int = 0
    model: str = ""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One episode, as it happened.

    ``messages`` are the prompts and replies in OpenAI's chat format, ``tools`` what could be called. ``samples`` are
    the replies in token ids, in the order of the messages (None for a reply that no model made, or that came without),
    where the model tells them; else there are none. ``reward`` lies in [0, 1]; it is None where it is withheld
    (``without_labels``). ``shown`` and ``withheld`` are the ids of the memory items that recall put into the
    prompt and of those that it held back on purpose; ``cited`` are the shown ones that the agent said it used.
    ``attempts`` counts the episodes that a search spent on this one, or an engine that failed; ``usage`` covers all of
    them, and ``tried`` are the rewards of a search's episodes in the order in which they began. ``confidence`` is how
    sure the agent was, in [0, 1], by the name of what said so: ``votes``, ``verified``, ``judged``. ``outside``: its
    observations are text from outside (web pages, tool output), which anybody may have written.
    """

    id: str
    task: Task
    seed: int
    first: Feedback
    steps: tuple[Step, ...] = ()
    messages: tuple[Mapping[str, Any], ...] = ()
    tools: tuple[Tool, ...] = ()
    samples: tuple[Sample | None, ...] = ()
    reward: float | None = 0.0
    stop: StopReason = StopReason.TERMINATED
    error: str = ""
    shown: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    cited: tuple[str, ...] = ()
    model: str = ""
    method: str = ""
    memory_version: int = 0
    attempts: int = 1
    tried: tuple[float, ...] = ()
    confidence: Mapping[str, float] = field(default_factory=dict)
    usage: Usage = Usage()
    seconds: float = 0.0
    outside: bool = False

    @property
    def success(self) -> bool:
        """True where the full reward was earned. Raises: ValueError where the reward is withheld."""
        if self.reward is None:
            raise ValueError(f"the reward of episode {self.id} is withheld; whether it succeeded is not known")
        return self.reward >= 1 - 1e-9

    def without_labels(self) -> Trajectory:
        """The same episode with nothing that tells whether it succeeded: what label-free learning may see.

        What was possible after the last step goes too, because nothing is where a task is solved, and so do the
        messages, which repeat it.
        """
        told = {StopReason.TERMINATED, StopReason.TRUNCATED, StopReason.MAX_STEPS}
        return replace(
            self,
            reward=None,
            stop=StopReason.HIDDEN if self.stop in told else self.stop,
            first=_without_label(self.first),
            steps=_steps_without_labels(self.steps),
            messages=(),
            samples=(),
            tried=(),
        )


def _steps_without_labels(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    plain = [
        replace(step, feedback=_without_label(step.feedback), inner=_steps_without_labels(step.inner)) for step in steps
    ]
    plain[-1:] = [replace(step, feedback=replace(step.feedback, commands=None)) for step in plain[-1:]]
    return tuple(plain)


def _without_label(feedback: Feedback) -> Feedback:
    return replace(feedback, reward=0.0, terminated=False, truncated=False)


@runtime_checkable
class Environment(Protocol):
    """One single-use episode. ``reset`` comes first and once; then ``step`` until a feedback says that it is over.

    ``tools`` are what may be called, in the OpenAI function format. A call that makes no sense is answered by an
    observation that says so; ``step`` raises only where the episode cannot go on.
    """

    @property
    def tools(self) -> Sequence[Tool]: ...

    async def reset(self) -> Feedback: ...

    async def step(self, call: ToolCall) -> Feedback: ...


class Suite(ABC):
    """Tasks of one kind of world, and the way to open an episode of each. Subclass it, or offer the same members.

    ``reward_visible``: may the agent (a search, say) see the reward while it works? ``max_steps``: the limit of
    calls in an episode. ``outside``: observations are text that anybody may have written (web pages, tool output), so
    that what is learned from them is not trusted. ``extra``: what to install for it (``knowhow-agents[extra]``), empty
    for nothing. ``oracle_for``: which tasks the oracle knows, in a word or two; empty for all of them.
    """

    name: str = ""
    description: str = ""
    licence: str = ""
    source: str = ""
    extra: str = ""
    oracle_for: str = ""
    reward_visible: bool = False
    outside: bool = False
    max_steps: int = 30

    @abstractmethod
    def tasks(self, split: Split) -> Sequence[Task]:
        """The tasks of a split, always the same and in the same order; no task is in two splits."""

    @abstractmethod
    def open(self, task: Task, *, seed: int) -> AbstractAsyncContextManager[Environment]:
        """One episode of ``task``; the same task, seed and calls always give the same feedback."""

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall] | None:
        """Calls that solve the task, for checks and privileged teachers only; None where the suite knows none."""
        return None
