"""One episode, as a page shows it: step by step, or the prompts and replies word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.agents.transcript import call_text
from knowhow.environments.types import Step, Trajectory
from knowhow.evals.viewer.folders import Folder
from knowhow.evals.viewer.images import Piece, content, pieces, shown
from knowhow.memory.types import Item

LONGEST = 60_000
"""Characters of one text; what is beyond is cut off, and said to be."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A step; ``inner`` are the calls of an ability, which memory offered."""

    number: str
    said: Sequence[Piece]
    call: str
    observed: Sequence[Piece]
    reward: float
    inner: Sequence[Shown] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as the model got or gave it. ``tokens`` are those of its prompt and of itself, where they are known."""

    role: str
    body: Sequence[Piece]
    calls: Sequence[str]
    characters: int
    tokens: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Recalled:
    """An item that recall put into the prompt, or held back; ``item`` is it as it was then, None where that is gone."""

    id: str
    item: Item | None
    cited: bool


def steps(episode: Trajectory) -> list[Shown]:
    """Numbered from 1; the calls inside step 2 are 2.1, 2.2, ..."""
    return _steps(episode.steps, episode.first.commands, "")


def opening(episode: Trajectory) -> list[Piece]:
    """What the world said first."""
    return pieces(_cut(shown(episode.first)))


def messages(episode: Trajectory) -> list[Message]:
    """Prompts and replies, word for word; none where the episode is kept without."""
    sampled = iter(episode.samples)
    return [
        _message(told, next(sampled, None) if told.get("role") == "assistant" else None) for told in episode.messages
    ]


def recalled(folder: Folder, episode: Trajectory) -> dict[str, list[Recalled]]:
    """What was shown to the agent and what was withheld from it, as it was in the episode's version of the memory."""
    if folder.memory is None or not (episode.shown or episode.withheld):
        then: Mapping[str, Item] = {}
    else:
        then = folder.items(min(episode.memory_version, folder.journal.version))
    cited = set(episode.cited)
    both = {"shown": episode.shown, "withheld": episode.withheld}
    return {name: [Recalled(id, then.get(id), id in cited) for id in ids] for name, ids in both.items()}


def _steps(of: Sequence[Step], before: tuple[str, ...] | None, prefix: str) -> list[Shown]:
    found = []
    for number, step in enumerate(of, 1):
        name = f"{prefix}{number}"
        found.append(
            Shown(
                name,
                pieces(_cut(step.said.strip())),
                _cut(call_text(step, before)) if step.call else "",
                pieces(_cut(shown(step.feedback))),
                step.feedback.reward,
                _steps(step.inner, before, f"{name}."),
            )
        )
        before = step.feedback.commands
    return found


def _message(told: Mapping[str, Any], sample: Any) -> Message:
    text = content(told.get("content"))
    calls = [_called(call) for call in told.get("tool_calls") or ()]
    tokens = (sample.kept + len(sample.prompt), len(sample.tokens)) if sample else None
    return Message(str(told.get("role", "?")), pieces(_cut(text)), calls, len(text), tokens)


def _called(call: Any) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return _cut(str(call))
    return _cut(f"{function.get('name')}({function.get('arguments')})")


def _cut(text: str) -> str:
    """Images are no text: they are whole, or gone."""
    beyond = len(text) - LONGEST
    if beyond <= 0 or "data:image/" in text:
        return text
    return f"{text[:LONGEST]}\n[{beyond:,} more characters are in the run folder]"
