"""What the package ``alfworld`` ships: domain, grammar of texts, goal library, constants, layouts of 120 floor plans.

Its files are read without importing it: an import makes a folder in the user's home and sets ALFWORLD_DATA. Upstream's
files, at 0.4.2: ``alfworld/data/alfred.{pddl,twl2}``, ``alfworld/gen/{constants,goal_library}.py``,
``alfworld/gen/layouts/FloorPlan*.json``.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import runpy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowhow.environments.errors import MissingExtra

# The layouts list a basin with the objects, without its number, and the furniture around it with the receptacles.
_BASINS = {"SinkBasin": "Sink", "BathtubBasin": "Bathtub"}


@dataclass(frozen=True)
class Floor:
    """A floor plan, in ALFRED's names of kinds: how many of each receptacle there are, and what lies around."""

    scene: int
    receptacles: Mapping[str, int]
    things: tuple[str, ...]


def package() -> Path:
    """Where ``alfworld`` is installed. Raises: MissingExtra where it, or the engine under it, is not."""
    specs = [importlib.util.find_spec(name) for name in ("alfworld", "textworld", "fast_downward")]
    if any(spec is None for spec in specs) or specs[0] is None or not specs[0].submodule_search_locations:
        raise MissingExtra("the suite alfworld needs ALFWorld's engine; run: pip install 'knowhow-agents[alfworld]'")
    return Path(specs[0].submodule_search_locations[0])


@functools.cache
def constants() -> Mapping[str, Any]:
    """ALFRED's constants: which kind holds which, what can be cleaned or heated, which scenes are for training."""
    return runpy.run_path(str(package() / "gen" / "constants.py"))


@functools.cache
def goals() -> Mapping[str, Any]:
    """The goal library: for each kind of task, its PDDL goal and the sentences for it."""
    goals: Mapping[str, Any] = runpy.run_path(str(package() / "gen" / "goal_library.py"))["gdict"]
    return goals


@functools.cache
def rules() -> tuple[str, str]:
    """The PDDL domain, and the grammar of the texts with ``UNKNOWN GOAL`` where the goal's sentence goes."""
    data = package() / "data"
    return (data / "alfred.pddl").read_text(), (data / "alfred.twl2").read_text()


@functools.cache
def floor(scene: int) -> Floor:
    """A floor plan by its number: kitchens from 1, living rooms from 201, bedrooms from 301, bathrooms from 401."""
    layout = package() / "gen" / "layouts" / f"FloorPlan{scene}"
    things = sorted(json.loads(Path(f"{layout}-objects.json").read_text()))
    placed = Counter(key.split("|")[0] for key in json.loads(Path(f"{layout}-openable.json").read_text()))
    kinds = [kind for kind in sorted({*things, *placed}) if _is_receptacle(kind)]
    receptacles = {kind: placed[_BASINS.get(kind, kind)] or 1 for kind in kinds}
    return Floor(scene, receptacles, tuple(kind for kind in things if kind not in receptacles))


def holds(receptacle: str, thing: str) -> bool:
    """May a thing of this kind be in or on such a receptacle?"""
    return thing in constants()["VAL_RECEPTACLE_OBJECTS"].get(receptacle, ())


def can(action: str, thing: str) -> bool:
    """Can a thing of this kind be "Heatable", "Coolable", "Cleanable" or "Sliceable"?"""
    return thing in constants()["VAL_ACTION_OBJECTS"][action]


def _is_receptacle(kind: str) -> bool:
    known = constants()
    return kind in known["RECEPTACLES"] & known["VAL_RECEPTACLE_OBJECTS"].keys() - known["MOVABLE_RECEPTACLES_SET"]
