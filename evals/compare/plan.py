"""What is compared: a YAML file with arms, suites and seeds, and the cells that it stands for.

    suites: household          # one, or a list
    seeds: 5                   # how many, or a list
    settings: {model: novice, episodes: 200, rounds: 4}    # of run and evolve, shared by all arms
    measure: {split: test, episodes: 100}                  # how each cell is measured; attempts, too
    arms:                      # what differs; the first is what the others are held against
      none: {memory: none}
      playbook: {memory: playbook}
      control: {memory: playbook, withhold: true}
    budget_usd: 20             # for everything together; budget_calls, budget_tokens, too

An arm whose memory names banks, or that trains, learns first; arms that would learn alike learn once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from knowhow.agents.metering import Budget
from knowhow.environments.errors import BadSetting
from knowhow.evals.settings import Settings, from_mapping, from_yaml

MEASURED = ("split", "episodes", "attempts")
_BUDGETS = ("calls", "tokens", "usd")
_KNOWN = ("suites", "seeds", "settings", "measure", "arms", "against", *(f"budget_{name}" for name in _BUDGETS))
_OF_ALL = ("suite", "seed", *(f"budget_{name}" for name in _BUDGETS))


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm on one suite with one seed: ``learn``, where it learns, comes before ``play``.

    ``learn`` is the same for arms that differ only in how they are measured.
    """

    arm: str
    suite: str
    seed: int
    play: Settings
    learn: Settings | None = None

    @property
    def name(self) -> str:
        """Of its folder: readable, and unique among all cells."""
        return f"{_plain(self.arm)}-{_plain(self.suite)}-{self.seed}-{_short(self.play, self.arm)}"

    @property
    def learned(self) -> str:
        """Of the folder of what it learns."""
        return f"{_plain(self.suite)}-{self.seed}-{_short(self.learn)}"


@dataclass(frozen=True)
class Plan:
    """``arms`` by name, each with the settings that make it; ``against`` is the one that all others are held against.

    ``measure`` are settings of how a cell is measured, ``settings`` those of all.
    """

    arms: Mapping[str, Mapping[str, Any]]
    suites: tuple[str, ...] = ("household",)
    seeds: tuple[int, ...] = (0, 1, 2)
    settings: Mapping[str, Any] = field(default_factory=dict)
    measure: Mapping[str, Any] = field(default_factory=dict)
    against: str = ""
    budget: Budget = field(default_factory=Budget)

    def cells(self) -> list[Cell]:
        """Seed by seed, so that an interrupted comparison has whole seeds. Raises: BadSetting for what cannot be."""
        return [self._cell(*place) for place in self._places()]

    def _places(self) -> Iterator[tuple[str, str, int]]:
        return ((arm, suite, seed) for seed in self.seeds for suite in self.suites for arm in self.arms)

    def _cell(self, arm: str, suite: str, seed: int) -> Cell:
        try:
            asked = from_mapping({"memory": "none", **self.settings, **self.arms[arm]})
        except BadSetting as error:
            raise BadSetting(f"the arm {arm}: {error}") from None
        asked = replace(asked, suite=suite, seed=seed)
        play = replace(asked, train_every=0, **{"split": "test", "episodes": 100, "attempts": 1, **self.measure})
        learns = asked.train_every > 0 or (asked.memory != "none" and not Path(asked.memory).is_dir())
        return Cell(arm, suite, seed, play, replace(asked, withhold=False) if learns else None)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_file(path: Path) -> Plan:
    """Raises: BadSetting that names what the file should say instead."""
    return from_dict(from_yaml(path), str(path))


def from_dict(given: Mapping[str, Any], where: str = "the plan") -> Plan:
    """A plan as a YAML file says it. Raises: BadSetting."""
    unknown = [name for name in given if name not in _KNOWN]
    if unknown:
        raise BadSetting(f"{where}: there is no {unknown[0]!r}; a comparison has {', '.join(_KNOWN)}")
    arms = _mapping(given, "arms", where)
    if len(arms) < 2:
        raise BadSetting(f"{where}: arms has {len(arms)}; name at least two, as in 'none: {{memory: none}}'")
    settings, measure = _mapping(given, "settings", where), _mapping(given, "measure", where)
    made = Plan(
        {str(arm): _keys(settings_, f"{where}, arm {arm}") for arm, settings_ in arms.items()},
        tuple(_listed(given.get("suites", "household"), str, f"{where}: suites")),
        _seeds(given.get("seeds", 3), where),
        _keys(settings, f"{where}, settings"),
        _measure(measure, where),
        str(given.get("against", next(iter(arms)))),
        Budget(*(given.get(f"budget_{name}") for name in _BUDGETS)),
    )
    if made.against not in made.arms:
        raise BadSetting(f"{where}: against={made.against!r} is no arm; the arms are {', '.join(made.arms)}")
    made.cells()
    return made


def _keys(settings: Any, where: str) -> dict[str, Any]:
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise BadSetting(f"{where}: {settings!r} are no settings; write them as {{memory: playbook}}")
    made = {str(name).replace("-", "_"): value for name, value in settings.items()}
    for name in _OF_ALL:
        if name in made:
            raise BadSetting(f"{where}: {name} is one for the whole comparison; give it at the top of the file")
    return made


def _measure(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    unknown = [name for name in given if name not in MEASURED]
    if unknown:
        raise BadSetting(f"{where}: measure has no {unknown[0]!r}; it has {', '.join(MEASURED)}")
    return dict(given)


def _mapping(given: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = given.get(name) or {}
    if not isinstance(value, Mapping):
        raise BadSetting(f"{where}: {name}={value!r} must be names with values, one a line")
    return value


def _listed(value: Any, kind: type, where: str) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, kind) and not isinstance(one, bool) for one in values):
        raise BadSetting(f"{where}={value!r} must be one {kind.__name__}, or a list of them")
    if len({*values}) < len(values):
        raise BadSetting(f"{where}={value!r} names one twice")
    return values


def _seeds(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise BadSetting(f"{where}: seeds={value} must be at least 1, or a list of seeds")
        return tuple(range(value))
    return tuple(_listed(value, int, f"{where}: seeds"))


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)[:40]


def _short(settings: Settings | None, *more: str) -> str:
    made_of = [settings.to_dict() if settings else None, *more]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:8]
