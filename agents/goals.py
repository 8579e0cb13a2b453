"""Goals as patterns: ``put a {a} on {b}`` says what a skill is for, and what its arguments are."""

from __future__ import annotations

import re

from knowhow.environments.errors import BadSetting

MOST = 6
"""Names in braces of a pattern that is taken on, repeated ones counted: a reader with regular expressions goes back and
forth between them."""
_SLOT = re.compile(r"\{(\w+)\}")


def parameters(pattern: str) -> list[str]:
    """The names in braces, in order, without repetition."""
    return list(dict.fromkeys(_SLOT.findall(pattern)))


def refuse_unreadable(pattern: str) -> None:
    """Raises: BadSetting where no goal can be read by the pattern, or every goal can."""
    words = _SLOT.split(_plain(pattern))[::2]
    if len(words) - 1 > MOST:
        raise BadSetting(f"the goal {pattern[:80]!r} has {len(words) - 1} names in braces; write at most {MOST}")
    if not all(words[1:-1]):
        raise BadSetting(f"the goal {pattern[:80]!r} has names in braces with nothing between them; write a word there")
    if not any(map(str.strip, words)):
        raise BadSetting(f"the goal {pattern[:80]!r} has no word outside braces; write the wording of its tasks")


def slots(pattern: str, goal: str) -> dict[str, str] | None:
    """What stands for each name where the goal is of this pattern; None where it is not. Case and a full stop at the
    end do not count; every name is as short as it can be, from the left.

    The goal is read once, without going back: a pattern from anybody takes no longer for being strange.
    """
    parts = _SLOT.split(_plain(pattern))
    values = _between(parts[::2], _plain(goal))
    if values is None:
        return None
    read: dict[str, str] = {}
    for name, value in zip(parts[1::2], values, strict=True):
        if read.setdefault(name, value).casefold() != value.casefold():
            return None
    return read


def _between(words: list[str], goal: str) -> list[str] | None:
    """What stands between the words, which are all of the goal but for that; never nothing."""
    first, last = words[0], words[-1]
    if len(words) == 1:
        return [] if _is(first, goal) else None
    if not all(words[1:-1]) or not _is(first, goal[: len(first)]):
        return None
    found, at = [], len(first)
    for word in words[1:-1]:
        met = re.compile(re.escape(word), re.IGNORECASE).search(goal, at + 1)
        if met is None:
            return None
        found.append(goal[at : met.start()])
        at = met.end()
    end = len(goal) - len(last)
    return [*found, goal[at:end]] if at < end and _is(last, goal[end:]) else None


def _is(word: str, text: str) -> bool:
    return re.fullmatch(re.escape(word), text, re.IGNORECASE) is not None


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(" .")
