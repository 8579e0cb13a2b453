"""A reply in progress."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from knowhow.agents.local._memory import Memory
from knowhow.agents.local.types import Generated, Sampling, Token

Tell = Callable[[Token], object]


class Row:
    """``reply`` is what the asker waits for; ``tell`` gets every token. ``most``: the most tokens that it may have."""

    def __init__(self, prompt: Sequence[int], adapter: str, sampling: Sampling, tell: Tell | None) -> None:
        self.prompt = tuple(prompt)
        self.adapter = adapter
        self.sampling = sampling
        self.tell = tell
        self.reply: Future[Generated] = Future()
        self.tokens: list[Token] = []
        self.memory = Memory()
        self.cached = 0
        self.most = 0
        self._random = random.Random(_seed(sampling.seed, self.prompt))

    @property
    def pending(self) -> Sequence[int]:
        """The tokens that the model has not read yet; there is always one."""
        read = len(self.memory.ids)
        return self.prompt[read:] if read < len(self.prompt) else (self.tokens[-1].id,)

    def random(self) -> float:
        """The next of its random numbers, uniform in [0, 1)."""
        return self._random.random()

    def add(self, token: Token) -> None:
        self.tokens.append(token)
        if self.tell is None:
            return
        try:
            self.tell(token)
        except Exception:  # its event loop is closed, say: nobody waits for the reply any more
            self.reply.cancel()

    def answer(self, generated: Generated) -> None:
        if not self.reply.done() and self.reply.set_running_or_notify_cancel():
            self.reply.set_result(generated)

    def fail(self, error: BaseException) -> None:
        """What was answered stays so."""
        if not self.reply.done() and self.reply.set_running_or_notify_cancel():
            self.reply.set_exception(error)


def _seed(seed: int, prompt: Sequence[int]) -> int:
    """Of the prompt too: the turns of an episode share its seed, and should not draw alike."""
    mixed = hashlib.blake2b(array("i", prompt).tobytes(), digest_size=8, key=f"{seed}".encode()[:64])
    return int.from_bytes(mixed.digest(), "big")
