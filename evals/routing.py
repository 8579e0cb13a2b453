"""Which local model plays: a base, with the adapter that the journal of a run names for a kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from knowhow.agents.model import parse_uri
from knowhow.environments.errors import BadSetting
from knowhow.evals.settings import Settings
from knowhow.training.registry import serving, weights_hash
from knowhow.training.types import Adapter


def base_of(settings: Settings) -> Path:
    """The folder of the local model that a run plays with. Raises: BadSetting for another model."""
    scheme, name, _ = parse_uri(settings.model)
    if scheme != "hf" or "@" in name:
        raise BadSetting(f"the model {settings.model} takes no adapters here; use --model hf:PATH, without an adapter")
    return Path(name)


def uri(base: str | Path, adapter: Adapter | None = None, folder: Path = Path()) -> str:
    """The model of a base with an adapter of the run in ``folder``, or without."""
    return f"hf:{base}" if adapter is None else f"hf:{base}@{(folder / adapter.path).resolve()}"


def route(adapters: Callable[[], Sequence[Adapter]], base: Path, folder: Path) -> Callable[[str], str]:
    """Which model plays a kind of task: the base with the active adapter for that kind, or without. ``adapters`` are
    those of the run in ``folder``, asked for each episode."""
    base_hash = weights_hash(base)
    return lambda kind: uri(base, serving(adapters(), base_hash, kind), folder)
