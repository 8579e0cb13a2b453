"""The thread that owns a loaded model: it takes what comes, and lets all replies in progress go on by one token a pass.

A request joins at the next pass and leaves when its reply ends. Everything that touches the model (loading an adapter,
too) runs here between two passes, so that no request meets weights that change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from knowhow.agents.local._adapters import Adapters
from knowhow.agents.local._memory import Memories, Memory
from knowhow.agents.local._reader import read
from knowhow.agents.local._row import Row
from knowhow.agents.local._sampling import draw
from knowhow.agents.local.types import Generated, PromptTooLong, UnknownAdapter
from knowhow.environments.errors import ModelError

MOST_ROWS = 64
"""The most replies at a time; others wait."""


class Worker:
    """``run`` is the thread. ``work`` is what others put in: functions without arguments, None for the end."""

    def __init__(
        self, name: str, adapters: Adapters, tokenizer: Any, ends: frozenset[int], window: int, kept_bytes: int
    ) -> None:
        self.work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.tokenizer = tokenizer
        self.ends = ends
        self.window = window
        self._name = name
        self._adapters = adapters
        self._memories = Memories(kept_bytes)
        self._waiting: deque[Row] = deque()
        self._rows: list[Row] = []
        self._leaving: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that a request may name."""
        return tuple(name for name in self._adapters.names if name not in self._leaving)

    def run(self) -> None:
        try:
            while self._taken():
                self._advance()
        finally:  # whatever ended it, nobody may wait for ever
            while self.work.qsize():
                (self.work.get() or (lambda: None))()
            for row in (*self._rows, *self._waiting):
                row.fail(ModelError(f"the engine of {self._name} has ended"))

    def _taken(self) -> bool:
        """Do what was put in, and wait for something where there is nothing else to do; False at the end."""
        while self.work.qsize() or not (self._rows or self._waiting):
            work = self.work.get()
            if work is None:
                return False
            work()
        return True

    def try_out(self) -> None:
        """Raises: what the model raises where its attention is not of the kind that the engine replaces."""
        read(self._adapters.model, [(Memory(), (0, 0))])

    def join(self, row: Row) -> None:
        try:
            self._check(row.adapter)
            row.most = self._most(row)
        except Exception as error:
            row.fail(error)
        else:
            self._waiting.append(row)

    def load(self, name: str, path: Path) -> None:
        self._adapters.load(name, path)

    def unload(self, name: str) -> None:
        """No new request gets it; its weights go when the last reply in progress with it has ended."""
        if not name:
            raise UnknownAdapter("an adapter to unload needs a name")
        self._check(name)
        self._leaving.add(name)
        self._let_go()

    def _check(self, name: str) -> None:
        if name and name not in self.names:
            raise UnknownAdapter(f"no adapter {name!r} is loaded; there are {', '.join(self.names) or 'none'}")

    def _most(self, row: Row) -> int:
        """How many tokens the reply may have. Raises: PromptTooLong."""
        left = self.window - len(row.prompt)
        if left < 1 or not row.prompt:
            raise PromptTooLong(
                f"the prompt has {len(row.prompt):,} tokens, and the context window of {self._name} has "
                f"{self.window:,} for prompt and reply; shorten the episode, or what memory shows in it"
            )
        return min(left, row.sampling.max_tokens or left)

    def _advance(self) -> None:
        self._rows = [row for row in self._rows if not row.reply.cancelled()]
        while self._waiting and len(self._rows) < MOST_ROWS:
            self._start(self._waiting.popleft())
        for adapter in dict.fromkeys(row.adapter for row in self._rows):
            rows = [row for row in self._rows if row.adapter == adapter]
            try:
                self._step(adapter, rows)
            except Exception as error:  # out of memory, say: these replies are lost, the engine is not
                for row in rows:
                    row.fail(error)
                self._rows = [row for row in self._rows if row not in rows]
        self._let_go()

    def _start(self, row: Row) -> None:
        busy = [other.memory for other in self._rows if other.adapter == row.adapter]
        row.memory = self._memories.take(row.adapter, row.prompt, busy)
        row.cached = len(row.memory.ids)
        self._rows.append(row)

    def _step(self, adapter: str, rows: Sequence[Row]) -> None:
        """One pass over these replies; each whose prompt is read to its end gets a token."""
        self._adapters.choose(adapter)
        logits = read(self._adapters.model, [(row.memory, row.pending) for row in rows])
        chosen = [rows[at] for at in logits]
        if not chosen:
            return
        tokens = draw(
            torch.stack(list(logits.values())), [row.sampling for row in chosen], [row.random() for row in chosen]
        )
        for row, token in zip(chosen, tokens, strict=True):
            row.add(token)
            self._end(row)

    def _end(self, row: Row) -> None:
        """End the reply where it is whole."""
        stopped = row.tokens[-1].id in self.ends or self._cut(row) is not None
        if not stopped and len(row.tokens) < row.most:
            return
        self._rows.remove(row)
        self._memories.put(row.adapter, row.memory)
        finish = "stop" if stopped else "length"
        row.answer(Generated(row.prompt, tuple(row.tokens), self._text(row)[: self._cut(row)], finish, row.cached))

    def _cut(self, row: Row) -> int | None:
        """Where the first stop text begins; None where there is none."""
        if not row.sampling.stop:
            return None
        text = self._text(row)
        return min((at for stop in row.sampling.stop if (at := text.find(stop)) >= 0), default=None)

    def _text(self, row: Row) -> str:
        text: str = self.tokenizer.decode([token.id for token in row.tokens], skip_special_tokens=True)
        return text

    def _let_go(self) -> None:
        busy = {row.adapter for row in (*self._rows, *self._waiting)}
        for name in self._leaving - busy:
            self._leaving.remove(name)
            self._memories.forget(name)
            self._adapters.unload(name)
