"""Selective Context: items are shown without what tells least (arXiv 2310.06201).

As in the paper, a text is cut into lexical units, each has the mean self-information of its words, and those with the
lowest go until a part of the text is gone. What a lesson cannot be used without never goes: a unit with commands, names
in quotes, ids, placeholders or numbers, or with a condition or a denial.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from knowhow.agents.types import Decider, Query
from knowhow.environments.discover import at_least
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Suite
from knowhow.memory.choosing.surprise import Surprise, words
from knowhow.memory.store import Memory
from knowhow.memory.types import Scored

_KEPT = re.compile(
    r"```.*?```|`[^`]*`|\"[^\"]*\"|“[^”]*”|\[[\w-]+\]|\{\w+\}|\S*[\d_/\\=<>$@#|]\S*|\w+\([^)]*\)"
    r"|\b(?:not|no|never|none|nothing|cannot|without|unless|if|when|only|except|before|after|until|instead)\b|\w+n't\b",
    re.DOTALL | re.IGNORECASE,
)
_MASK = "\ue000"
_ENDS: Mapping[str, re.Pattern[str]] = {
    "sentence": re.compile(r"(?<=[.!?])\s+|\n+"),
    "clause": re.compile(r"(?<=[.!?,;])\s+|\n+"),
    "phrase": re.compile(r"(?<=[.!?,;])\s+|\n+|\s+(?=(?:and|or|but|so|because|that|which|who|as|for|with|in|on)\b)"),
}


@dataclass
class SelectiveContext:
    """``ratio``, in [0, 1), is the part of an item's words that may go (0.35 in the paper's code); ``unit`` what goes
    at once: "sentence", "clause" or "phrase". Only the first ``pool`` items are looked at."""

    memory: Memory
    ask: Decider
    suite: Suite | None = None
    ratio: float = 0.35
    unit: str = "clause"
    pool: int = 500
    _surprise: tuple[int, Surprise] | None = field(default=None, init=False, repr=False)
    _short: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.unit not in _ENDS:
            raise BadSetting(f"unit={self.unit!r} is none of {', '.join(_ENDS)}")
        at_least(1, pool=self.pool)
        if not 0 <= self.ratio < 1:
            raise BadSetting(f"ratio={self.ratio!r} is no part of a text; give a number from 0 to below 1")

    def __call__(self, query: Query, ranked: Sequence[Scored]) -> Sequence[Scored]:
        surprise = self._learned()
        return [*(self._shown(one, surprise) for one in ranked[: self.pool]), *ranked[self.pool :]]

    def _shown(self, one: Scored, surprise: Surprise) -> Scored:
        return replace(one, item=replace(one.item, text=self._shortened(one.item.text, surprise)))

    def _learned(self) -> Surprise:
        """The model of what memory says now; what was shortened by an older one is forgotten."""
        version = self.memory.version
        if self._surprise is None or self._surprise[0] != version:
            self._surprise = version, Surprise(item.text for item in self.memory.items())
            self._short = {}
        return self._surprise[1]

    def _shortened(self, text: str, surprise: Surprise) -> str:
        if text not in self._short:
            self._short[text] = shortened(text, surprise, self.ratio, self.unit)
        return self._short[text]


def shortened(text: str, surprise: Surprise, ratio: float, unit: str) -> str:
    """The text without its least telling units, as far as these are at most ``ratio`` of its words."""
    masked = _KEPT.sub(lambda found: _MASK * len(found[0]), text)
    cuts = [0, *(found.end() for found in _ENDS[unit].finditer(masked)), len(text)]
    units = [text[start:end] for start, end in pairwise(cuts)]
    told = [surprise.of(one, (words(before) or [""])[-1]) for before, one in zip(["", *units], units, strict=False)]
    free = [at for at, start in enumerate(cuts[:-1]) if _MASK not in masked[start : cuts[at + 1]]]
    left, gone = int(ratio * len(words(text))), set[int]()
    for at in sorted(free, key=lambda at: (told[at], at)):
        size = len(words(units[at]))
        if size <= left:
            left -= size
            gone.add(at)
    return _joined(units, gone)


def _joined(units: Sequence[str], gone: Container[int]) -> str:
    """The units that are left. Where the end of a sentence or line went, the unit before it ends that."""
    kept = list[str]()
    for at, one in enumerate(units):
        if at not in gone:
            kept.append(one)
        elif kept:
            mark, line = one.rstrip()[-1:], one[len(one.rstrip()) :]
            last, blank = kept[-1].rstrip(), kept[-1][len(kept[-1].rstrip()) :]
            ended = last.rstrip(",;:.!?") + mark if mark in (".", "!", "?") else last
            kept[-1] = ended + (line if "\n" in line else blank)
    return "".join(kept).strip()
