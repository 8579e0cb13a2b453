"""Goals as patterns: ``put a {a} on {b}`` says what a skill is for, and what its arguments are."""

from __future__ import annotations

import re
from functools import lru_cache

_SLOT = re.compile(r"\{(\w+)\}")


def parameters(pattern: str) -> list[str]:
    """The names in braces, in order, without repetition."""
    return list(dict.fromkeys(_SLOT.findall(pattern)))


def slots(pattern: str, goal: str) -> dict[str, str] | None:
    """What stands for each name where the goal is of this pattern; None where it is not. Case and a full stop at the
    end do not count; of several ways to read a goal, the first names are as short as possible."""
    found = _expression(pattern).fullmatch(_plain(goal))
    return found.groupdict() if found else None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = _SLOT.split(_plain(pattern))
    met = set[str]()
    written = []
    for number, part in enumerate(parts):
        if number % 2 == 0:
            written.append(re.escape(part))
        elif part in met:
            written.append(f"(?P={part})")
        else:
            met.add(part)
            written.append(f"(?P<{part}>.+?)")
    return re.compile("".join(written), re.IGNORECASE)


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(" .")
