"""Markdown: headings and bullets, for people. What this writes it reads again; so it does a playbook of anybody's.

A plain document's headings are sections and its bullets lessons; prose and code blocks say nothing. A line of a bullet
that ends in a backslash goes on in the next (CommonMark's hard line break).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowhow.environments.errors import BadSetting
from knowhow.memory.documents import imported, malformed, record, section_of, text_of
from knowhow.memory.types import Item, Status

_TITLE = "# Memory, version "
_HEADING = re.compile(r"#{1,6}\s+(.*)")
_BULLET = re.compile(r"(\s*)(?:[-*+]|\d+[.)])(?:\s+(.*))?")
_FENCE = re.compile(r"\s*(```|~~~)")
_ITEM = re.compile(
    r"\*\*(\S+)\*\* (.*) _\((\w+), shown (\d+) times, helpful (\d+), harmful (\d+)(?:, effect .*)?\)_", re.DOTALL
)
_OWN = re.compile(r"Playbook(?:: (.*))?")
_SURE = 0.5


class Markdown:
    """Items by kind and section, each with its record."""

    exact = False

    def likely(self, path: Path) -> float:
        named = path.suffix in ("", ".md", ".markdown", ".txt")
        return _SURE if path.is_file() and (named or text_of(path).startswith(_TITLE)) else 0.0

    def read(self, path: Path) -> list[Item]:
        """Its lessons as playbook items of the tier IMPORTED; of a memory written by ``write``, those of its playbook.
        Raises: BadSetting."""
        text = text_of(path)
        read = _own if text.startswith(_TITLE) else _plain
        items = [item for bullet in _bullets(path, text) for item in read(path, bullet)]
        if not items and not text.startswith(_TITLE):
            raise BadSetting(f"{path} holds no bullets ('- a lesson'); nothing was imported")
        return items

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in (item for item in items if item.status is not Status.RECORD):
            groups.setdefault((item.kind, str(item.data.get("section", ""))), []).append(item)
        lines = [f"{_TITLE}{version}"]
        for (kind, section), members in sorted(groups.items()):
            lines += ["", f"## {kind.capitalize()}{f': {section}' if section else ''}", ""]
            lines += [f"- **{item.id}** {_broken(item.text)} _({record(item)})_" for item in members]
        return {"": "\n".join(lines) + "\n"}


def _broken(text: str) -> str:
    return text.replace("\n", "\\\n  ")


@dataclass
class _Bullet:
    """An outermost bullet, with what is indented below it."""

    line: int
    heading: str
    indent: int
    text: str = ""
    goes_on: bool = False

    def more(self, text: str) -> None:
        self.goes_on = text.endswith("\\")
        self.text += text[:-1] if self.goes_on else text


def _bullets(path: Path, text: str) -> list[_Bullet]:
    found, last, heading, fenced, ended = list[_Bullet](), None, "", False, False
    for number, line in enumerate(text.split("\n"), 1):
        if last and last.goes_on:
            last.more("\n" + line.removeprefix("  "))
        elif _FENCE.match(line) or fenced:
            fenced = fenced != bool(_FENCE.match(line))
        elif heads := _HEADING.fullmatch(line):
            heading, last = heads[1].strip(" #"), None
        elif (begins := _BULLET.fullmatch(line)) and (last is None or len(begins[1]) <= last.indent):
            if not begins[2]:
                raise malformed(path, number, "the bullet is empty")
            last = _Bullet(number, heading, len(begins[1]))
            last.more(begins[2])
            found.append(last)
        elif not line.strip():
            ended = True
            continue
        elif last and (line[0].isspace() or not ended):
            last.more(" " + line.strip())
        else:
            last = None
        ended = False
    return found


def _own(path: Path, bullet: _Bullet) -> Iterator[Item]:
    found, playbook = _ITEM.fullmatch(bullet.text), _OWN.fullmatch(bullet.heading)
    if found is None:
        raise malformed(path, bullet.line, "it is no item of an exported memory: '- **id** text _(its record)_'")
    if playbook is None:
        return  # of other kinds, this holds too little to bring them back
    id, said, status, *counts = found.groups()
    if status not in list(Status):
        raise malformed(path, bullet.line, f"there is no status {status!r}")
    uses, helpful, harmful = map(int, counts)
    yield imported(id, said, playbook[1] or "", Status(status), uses=uses, helpful=helpful, harmful=harmful)


def _plain(path: Path, bullet: _Bullet) -> Iterator[Item]:
    yield imported("", " ".join(bullet.text.split()), section_of(bullet.heading))
