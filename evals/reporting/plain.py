"""Text from tasks, worlds, models and memory as data: what a reader sees is all that it can do."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """``text`` without terminal colours, and with a visible sign for each character that is not to be seen.

    Those are control characters, marks that reverse the direction of writing, and halves of surrogate pairs, which no
    file could hold. Line breaks and tabs stay.
    """
    return _UNSEEN.sub(_sign, _COLOURS.sub("", text.replace("\r\n", "\n")))


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"
