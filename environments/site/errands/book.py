"""All errands of all worlds: which there are in a split, and each by its id."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from knowhow.environments.site.errands import sessions, shop, tracker, wiki
from knowhow.environments.site.errands.errand import Draw, Kind, Turn, Undrawable
from knowhow.environments.site.worlds.cast import words
from knowhow.environments.site.worlds.world import EDITION, world
from knowhow.environments.types import Split

KINDS: tuple[Kind, ...] = (*sessions.KINDS, *shop.KINDS, *tracker.KINDS, *wiki.KINDS)
DRAWN = 2
"""Errands of each kind in each world."""

SPLITS_OF_WORLDS: tuple[Split, ...] = ("train", "validation", "train", "test")
"""In turn: no world is in two splits."""


@dataclass(frozen=True, slots=True)
class Errand:
    """``id`` names the world, the kind and which of them: ``7/cancel/0``."""

    id: str
    world: int
    kind: Kind
    turns: Sequence[Turn]


@functools.cache
def errands(split: Split, injections: bool) -> Mapping[str, Errand]:
    """The errands of a split by id, one world after the other, the kinds spread over each world."""
    worlds = [n for n in range(words()["worlds"]) if SPLITS_OF_WORLDS[n % len(SPLITS_OF_WORLDS)] == split]
    drawn = [errand for round in range(DRAWN) for n in worlds for errand in _of_world(n, round, injections)]
    seen: set[tuple[int, str]] = set()
    kept = {}
    for errand in drawn:
        key = errand.world, " ".join(turn.request for turn in errand.turns)
        if key not in seen:
            seen.add(key)
            kept[errand.id] = errand
    return kept


def _of_world(number: int, round: int, injections: bool) -> list[Errand]:
    made = []
    for kind in Random(f"{EDITION}/{number}/kinds").sample(KINDS, len(KINDS)):
        id = f"{number}/{kind.name}/{round}"
        try:
            turns = kind.turns(Draw(world(number, injections), Random(f"{EDITION}/{id}")))
        except Undrawable:
            continue
        made.append(Errand(id, number, kind, turns))
    return made
