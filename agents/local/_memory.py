"""Keys and values of sequences that the model has read, kept so that what goes on from them is not read again."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
import torch

_SLACK = 256
"""How many more tokens than needed get room at once: growing copies."""
_MOST_KEPT = 128
"""Every prompt is compared with all that are kept."""


class Memory:
    """One sequence: its token ids, and the keys and values of every layer, of shape (heads, tokens, size)."""

    def __init__(self) -> None:
        self.ids = array("i")
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._room = 0

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for pair in self._layers.values() for part in pair)

    def shared(self, ids: np.ndarray) -> int:
        """How many tokens it begins with alike."""
        own = np.frombuffer(self.ids, dtype=np.int32)[: len(ids)]
        unlike = own != ids[: len(own)]
        return int(unlike.argmax()) if unlike.any() else len(own)

    def copy(self, length: int) -> Memory:
        """Its first ``length`` tokens, in a memory of their own."""
        made = Memory()
        made.ids = self.ids[:length]
        made._room = length + _SLACK
        for layer, (keys, values) in self._layers.items():
            made._layers[layer] = (_grown(keys, length, made._room), _grown(values, length, made._room))
        return made

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of the tokens after ``ids``; returns those of the whole sequence."""
        start = len(self.ids)
        end = start + keys.shape[1]
        kept = self._layers.get(layer)
        if kept is None or kept[0].shape[1] < end:
            kept = self._layers[layer] = self._with_room(kept, keys, values, start, end)
        kept[0][:, start:end] = keys
        kept[1][:, start:end] = values
        return kept[0][:, :end], kept[1][:, :end]

    def _with_room(
        self,
        kept: tuple[torch.Tensor, torch.Tensor] | None,
        keys: torch.Tensor,
        values: torch.Tensor,
        start: int,
        end: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._room < end:
            self._room = end + end // 4 + _SLACK
        old = kept or (keys[:, :0], values[:, :0])
        return _grown(old[0], start, self._room), _grown(old[1], start, self._room)


def _grown(part: torch.Tensor, length: int, room: int) -> torch.Tensor:
    made = part.new_empty((part.shape[0], room, part.shape[2]))
    made[:, :length] = part[:, :length]
    return made


class Memories:
    """The memories of sequences that nobody goes on with at the moment, the latest, in at most ``most_bytes``.

    Each belongs to the adapter that read it: other weights make other keys and values.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[int, tuple[str, Memory, int]] = OrderedDict()

    def take(self, adapter: str, prompt: Sequence[int], busy: Iterable[Memory]) -> Memory:
        """A memory of the longest beginning of ``prompt`` that is known; the last token is always left to be read.

        What goes on where a kept sequence ended gets that one itself; anything else, one that is ``busy`` too, is
        copied.
        """
        ids = np.asarray(prompt[:-1], dtype=np.int32)
        found = [memory for name, memory, _ in self._kept.values() if name == adapter]
        best = max([*found, *busy], key=lambda memory: memory.shared(ids), default=None)
        length = 0 if best is None else best.shared(ids)
        if best is None or not length:
            return Memory()
        kept = id(best) in self._kept
        if kept and length == len(best.ids):
            return self._kept.pop(id(best))[1]
        if kept:
            self._kept.move_to_end(id(best))
        return best.copy(length)

    def put(self, adapter: str, memory: Memory) -> None:
        """Keep it, unless another one holds the same."""
        ids = np.array(memory.ids, dtype=np.int32)
        if any(name == adapter and kept.shared(ids) == len(ids) for name, kept, _ in self._kept.values()):
            return
        self._kept[id(memory)] = (adapter, memory, memory.bytes)
        total = sum(size for _, _, size in self._kept.values())
        while total > self._most or len(self._kept) > _MOST_KEPT:
            total -= self._kept.popitem(last=False)[1][2]

    def forget(self, adapter: str) -> None:
        for key in [key for key, (name, _, _) in self._kept.items() if name == adapter]:
            del self._kept[key]
