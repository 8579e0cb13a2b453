"""Who and what there is in a world, by name, and the words that all of them are made of."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Cast:
    """``people``: login to name; the first one is who is signed in. ``projects``: key to name."""

    people: Mapping[str, str]
    brands: Sequence[str]
    projects: Mapping[str, str]
    teams: Sequence[str]


@functools.cache
def words() -> Mapping[str, Any]:
    """What worlds are made of."""
    return dict(yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8")))


def cast(number: int, random: Random) -> Cast:
    """The cast of a world: its share of the names, which no other world has."""

    def share(name: str, size: int) -> list[str]:
        return list(words()[name][number * size : (number + 1) * size])

    last, first = share("last", 8), random.sample(words()["first"], 8)
    people = {f"{a[0]}{b}".lower().replace("ö", "o"): f"{a} {b}" for a, b in zip(first, last, strict=True)}
    projects = {name[:3].upper(): name for name in share("projects", 3)}
    return Cast(people, share("brands", 3), projects, share("teams", 3))


def address(random: Random) -> str:
    return f"{random.randint(2, 98)} {random.choice(words()['streets'])}, {random.choice(words()['cities'])}"
