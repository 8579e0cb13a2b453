"""The Agent Skills format (agentskills.io): a folder for each skill, with ``SKILL.md`` and its code under ``scripts/``.

    put-some-on/
        SKILL.md               front matter (name, description, metadata), then what a reader has to know
        scripts/put_some_on.py

What it writes it reads again as a skill that can be run; a folder of anybody's becomes instructions. Both wait for a
person: code from elsewhere is never run before somebody spoke for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.memory.documents import malformed, text_of
from knowhow.memory.skills.skill import KIND, Skill, read_skill, read_tools, skill_of
from knowhow.memory.store import SHOWN
from knowhow.memory.types import Item, Status, Trust

FILE = "SKILL.md"
LONGEST_NAME, LONGEST_DESCRIPTION = 64, 1024
LARGEST = 200_000
"""Bytes of a file that is read."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FRONT = re.compile(r"---\n(.*?\n)---[ \t]*(?:\n|\Z)(.*)", re.DOTALL)
_BODY = """# {name}

{description}

`scripts/{function}.py` does it in Python. It needs two functions of whoever runs it: `do(call)` makes one call of the
environment's, and `now()` is what was seen last; both give an object with `.text`, `.commands` and `.done`.
"""


class AgentSkills:
    """One folder, or a folder of such."""

    exact = False

    def likely(self, path: Path) -> float:
        return 1.0 if path.is_dir() and _folders(path) else 0.0

    def read(self, path: Path) -> list[Item]:
        """Its skills as items that wait for a person, of the tier IMPORTED. Raises: BadSetting."""
        found = _folders(path)
        if not found:
            raise BadSetting(f"{path} holds no {FILE}, nor does a folder in it; nothing was imported")
        return [_item(folder) for folder in found]

    def write(self, items: Sequence[Item], version: int) -> Mapping[str, str]:
        """The skills that may be shown and have code."""
        files: dict[str, str] = {}
        for item in items:
            skill = skill_of(item) if item.kind == KIND and item.status in SHOWN else None
            if skill is not None:
                name = folder_name(skill.name)
                files[f"{name}/{FILE}"] = _document(name, skill, item)
                files[f"{name}/scripts/{skill.name}.py"] = skill.code.rstrip() + "\n"
        return files


def folder_name(name: str) -> str:
    """A function's name as the format has it: ``put_some_on`` is ``put-some-on``."""
    return re.sub("_+", "-", name.lower()).strip("-")[:LONGEST_NAME].rstrip("-")


def _document(name: str, skill: Skill, item: Item) -> str:
    import yaml

    description = str(skill.tool["function"]["description"])
    short = " ".join(description.partition("\n\n")[0].split())
    front = {
        "name": name,
        "description": f'For tasks such as "{skill.goal}". {short}'[:LONGEST_DESCRIPTION],
        "metadata": {
            "knowhow-function": skill.name,
            "knowhow-goal": skill.goal,
            "knowhow-tools": json.dumps(list(skill.tools)),
            "version": str(item.data.get("version", 1)),
        },
    }
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{head}---\n\n{_BODY.format(name=name, description=description, function=skill.name)}"


def _folders(path: Path) -> list[Path]:
    if (path / FILE).is_file():
        return [path]
    return sorted(folder for folder in path.glob("*") if (folder / FILE).is_file())


def _item(folder: Path) -> Item:
    where = folder / FILE
    front, body = _read(where)
    name, description = _said(front, "name"), _said(front, "description")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise malformed(where, None, f"{name[:80]!r} is no name; write small letters, digits and single hyphens")
    if name != folder.resolve().name:
        raise malformed(where, None, f"the skill {name} lies in the folder {folder.resolve().name}")
    if not description or len(description) > LONGEST_DESCRIPTION:
        raise malformed(where, None, f"the description must have 1 to {LONGEST_DESCRIPTION} characters")
    metadata = front.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    if "knowhow-function" not in metadata:
        data = {"name": name, "goal": "", "code": "", "version": 1, "repairs": 0, "tests": []}
        return _waiting(f"{name}: {description}\n\n{body.strip()}".strip(), data)
    skill = _skill(folder, metadata)
    data = {**skill.data, "version": _number(_said(metadata, "version")), "repairs": 0, "tests": []}
    return _waiting(f"{skill.text}\n\n{skill.code}", data)  # who accepts it has to see what would run


def _waiting(text: str, data: Mapping[str, Any]) -> Item:
    return Item("", KIND, text, data, trust=Trust.IMPORTED, status=Status.PENDING)


def _skill(folder: Path, metadata: Mapping[Any, Any]) -> Skill:
    where = folder / FILE
    name = _said(metadata, "knowhow-function")
    try:
        if not name.isidentifier():
            raise BadSetting(f"{name[:80]!r} is no name of a function")
        raw = {"name": name, "goal": _said(metadata, "knowhow-goal"), "code": _text(folder / "scripts" / f"{name}.py")}
        return read_skill(raw, read_tools(json.loads(_said(metadata, "knowhow-tools") or "[]")))
    except (BadSetting, ValueError, RecursionError) as error:
        raise malformed(where, None, str(error)) from None


def _read(path: Path) -> tuple[dict[Any, Any], str]:
    """The front matter, and what comes after it."""
    import yaml

    parts = _FRONT.fullmatch(_text(path))
    if parts is None:
        raise malformed(path, 1, "it does not begin with front matter between two lines of ---")
    try:
        front = yaml.safe_load(parts[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise malformed(path, None, f"its front matter is no YAML ({' '.join(str(error).split())[:120]})") from None
    if not isinstance(front, dict):
        raise malformed(path, None, "its front matter holds no names")
    return front, parts[2]


def _text(path: Path) -> str:
    """A file's text, as far as it lies where it seems to. Raises: BadSetting."""
    if path.is_symlink() or path.parent.is_symlink():
        raise malformed(path, None, "it is a link, which may lead anywhere")
    if path.is_file() and path.stat().st_size > LARGEST:
        raise malformed(path, None, f"it has more than {LARGEST} bytes")
    return text_of(path)


def _said(front: Mapping[Any, Any], key: str) -> str:
    """A plain value as text; nothing where it is made of others, which may be endlessly many."""
    value = front.get(key)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 1
