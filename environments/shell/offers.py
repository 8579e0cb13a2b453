"""Simple commands to offer, made of nothing but the goal's words and the names of what is there.

Every task is offered the same forms, whatever it asks. They are no list of all that bash can do, and the answers to
some tasks are not among them: they are enough for an agent that can only choose to try things, and to learn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from knowhow.environments.workspace import Tree

MOST = 48


def offered(goal: str, before: Tree, now: Tree) -> list[str]:
    """Command lines; ``before`` is what was there at first, ``now`` what is there."""
    return list(dict.fromkeys(_all(goal, before, now)))[:MOST]


def _all(goal: str, before: Tree, now: Tree) -> Iterator[str]:
    yield "ls"
    named = re.findall(r"(?<![\w.])\w+\.\w+", goal)
    sources = [name for name in named if name in before and name in now]
    targets = [name for name in named if name not in before]
    globs = re.findall(r"(?<!\w)\.(\w+)", goal)
    words = re.findall(r'"(\w+)"', goal)
    numbers = re.findall(r"(?<!\S)\d\b", goal)
    folders = [path for path, node in now.items() if node.kind == "folder"]
    yield from (f"mkdir {word}" for word in re.findall(r"folder (\w+)", goal) if word not in now)
    for source in sources:
        yield from _of_file(source, words, folders)
        for target in targets:
            yield from _to_file(source, target, words, numbers)
    for one, other in ((one, other) for one in sources for other in sources if one != other):
        yield from (f"cat {one} {other} > {target}" for target in targets)
    for ending in globs:
        yield from _of_ending(ending, folders)


def _of_file(file: str, words: list[str], folders: list[str]) -> Iterator[str]:
    yield from (f"{verb} {file}" for verb in ("cat", "rm", "chmod +x", "wc -l <", "wc -w <"))
    yield from (f"{verb} {file} {folder}" for folder in folders for verb in ("mv", "cp"))
    yield from (f"grep {option}{word} {file}" for word in words for option in ("", "-c ", "-v "))
    yield from (f"sed -i 's/{one}/{other}/g' {file}" for one in words for other in words if one != other)


def _to_file(source: str, target: str, words: list[str], numbers: list[str]) -> Iterator[str]:
    yield from (f"{verb} {source} {target}" for verb in ("cp", "mv", "ln -s"))
    yield from (f"{verb} {source} > {target}" for verb in ("sort", "sort -r", "sort -n", "sort -u", "uniq"))
    for number in numbers:
        verbs = (f"head -n {number}", f"tail -n {number}", f"cut -d ',' -f {number}")
        yield from (f"{verb} {source} > {target}" for verb in verbs)
    yield from (f"grep {option}{word} {source} > {target}" for word in words for option in ("", "-v "))


def _of_ending(ending: str, folders: list[str]) -> Iterator[str]:
    yield from (f"{verb} *.{ending}" for verb in ("ls", "rm"))
    yield from (f"{verb} *.{ending} {folder}" for folder in folders for verb in ("mv", "cp"))
    yield from (f"find . -name '*.{ending}' {action}" for action in ("-delete", "| wc -l"))
