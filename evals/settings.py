"""The settings of a run, as the command line, a YAML file and the run folder write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting
from knowhow.environments.redact import redacted
from knowhow.environments.types import SPLITS

MODES = ("offline", "online")
_COUNTS = (
    "episodes",
    "concurrency",
    "rounds",
    "epochs",
    "validation",
    "proof_at_once",
    "memory_tokens",
    "chain",
    "attempts",
    "trial",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``run`` and ``evolve`` take. Unset budgets (None) are no limit.

    ``episodes`` is, for ``evolve``, the training episodes in all rounds together; they walk ``epochs`` times over the
    same tasks. ``validation`` is the number of validation episodes, for the gate of each round and again for each of
    before, after and withheld. ``memory`` is a run folder or ``none`` for ``run``; bank names or a run folder for
    ``evolve``. ``withhold_rate`` is the probability, in [0, 0.5], with which a training episode goes without an item,
    each item by itself (0: never). ``proof`` is the episodes for replays with and without lessons, in all rounds
    together, which try ``proof_at_once`` candidates at a time. ``recall`` names policies of what to recall, and when;
    all that is recalled fits into ``memory_tokens``, and comes from other tasks unless ``same_task``. ``chain`` is how
    many tasks of a kind follow each other in a round, each with what the ones before it taught. ``review``: what is
    learned waits for a person. ``curriculum`` decides which training tasks come next. ``attempts``: how often ``run``
    plays each task in the same world, the model drawing its replies anew. ``split``, where it is empty, is validation
    for ``run`` and train for ``evolve``.

    ``train_every`` rounds (0: never) an adapter is trained by ``recipe`` with the settings ``tuning`` ("epochs=2,
    rate=1e-3") on all episodes so far, or with ``fresh`` on those alone that were played with the present adapter, and
    put to ``trial`` on so many validation episodes. ``adapters`` is a run folder whose active adapters play, each for
    the kinds of task that it was made for. ``base`` is the folder of the weights of a model on a server, which adapters
    are trained for. ``allow_leaks``: measure on tasks that memory holds, or that are copies of
    training tasks. ``engine`` says where episodes are played, which changes nothing of them;
    ``index`` where the memory's vectors are: empty for here, ``chroma-http://HOST:PORT`` for a Chroma server.
    """

    suite: str = "household"
    split: str = ""
    model: str = "novice"
    memory: str = "none"
    method: str = ""
    episodes: int = 100
    seed: int = 0
    concurrency: int = 8
    budget_usd: float | None = None
    budget_calls: int | None = None
    budget_tokens: int | None = None
    cache: str = ""
    withhold: bool = False
    rounds: int = 4
    mode: str = "offline"
    labels: bool = True
    epochs: int = 1
    validation: int = 50
    withhold_rate: float = 0.1
    proof: int = 0
    proof_at_once: int = 4
    embedder: str = "hashing"
    recall: str = ""
    memory_tokens: int = 8000
    same_task: bool = False
    chain: int = 1
    review: bool = False
    curriculum: str = "uniform"
    attempts: int = 1
    adapters: str = ""
    base: str = ""
    train_every: int = 0
    recipe: str = "sft"
    tuning: str = ""
    trial: int = 50
    fresh: bool = False
    allow_leaks: bool = False
    engine: str = "local"
    index: str = ""

    def __post_init__(self) -> None:
        checks = {
            f"split={self.split!r} is none of {', '.join(SPLITS)}": self.split in ("", *SPLITS),
            f"mode={self.mode!r} is none of {', '.join(MODES)}": self.mode in MODES,
            f"withhold_rate={self.withhold_rate} is not between 0 and 0.5": 0 <= self.withhold_rate <= 0.5,
            f"proof={self.proof} must be at least 0": self.proof >= 0,
            f"train_every={self.train_every} must be at least 0": self.train_every >= 0,
            **{f"{name}={getattr(self, name)} must be at least 1": getattr(self, name) >= 1 for name in _COUNTS},
        }
        for complaint, ok in checks.items():
            if not ok:
                raise BadSetting(complaint)
        for field in fields(self):
            if redacted(said := str(getattr(self, field.name))) != said:
                raise BadSetting(
                    f"{field.name}={redacted(said)!r} holds a key or a password, which the run folder would keep; "
                    "put it into an environment variable (see `knowhow models`, docs/remote.md)"
                )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def from_mapping(given: Mapping[str, Any], over: Settings = Settings()) -> Settings:
    """``over`` with the given values. Raises: BadSetting for an unknown name or a value of another type."""
    known = {field.name: field for field in fields(Settings)}
    for name, value in given.items():
        if name not in known:
            raise BadSetting(f"there is no setting {name!r}; the settings are {', '.join(known)}")
        if not _fits(value, str(known[name].type)):
            raise BadSetting(f"{name}={value!r} is no {known[name].type}")
    return replace(over, **given)


def from_yaml(path: Path) -> dict[str, Any]:
    """The settings in a YAML file. Raises: BadSetting where it cannot be read or holds something else."""
    import yaml

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"cannot read the settings in {path}: {error}") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise BadSetting(f"{path} is no valid YAML{line}: {getattr(error, 'problem', error)}") from None
    if not isinstance(read, dict):
        raise BadSetting(f"{path} holds no settings; write one a line, as in 'suite: household'")
    return {str(name).replace("-", "_"): value for name, value in read.items()}


def _fits(value: object, wanted: str) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "str": (str,),
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "None": (type(None),),
    }
    allowed = tuple(kind for name in wanted.split(" | ") for kind in kinds[name])
    return isinstance(value, allowed) and (not isinstance(value, bool) or bool in allowed)
