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


def of_base(base: Path, settings: Settings) -> str:
    """The URI of a base: that of the run, with its options, where it played with this base."""
    scheme, name, _ = parse_uri(settings.model)
    played = scheme == "hf" and Path(name.partition("@")[0]).resolve() == base.resolve()
    return settings.model if played and "@" not in name else f"hf:{base}"


def uri(model: str, adapter: Adapter | None, folder: Path) -> str:
    """The URI of a base with an adapter of the run in ``folder``, or without; its options stay."""
    if adapter is None:
        return model
    name, mark, options = model.partition("?")
    return f"{name}@{(folder / adapter.path).resolve()}{mark}{options}"


def route(adapters: Callable[[], Sequence[Adapter]], settings: Settings, folder: Path) -> Callable[[str], str]:
    """Which model plays a kind of task: the run's with the active adapter for that kind, or without. ``adapters`` are
    those of the run in ``folder``, asked for each episode. Raises: as ``base_of``."""
    base_hash = weights_hash(base_of(settings))
    return lambda kind: uri(settings.model, serving(adapters(), base_hash, kind), folder)
