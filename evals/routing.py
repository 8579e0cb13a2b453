"""Which model plays: a base, with the adapter that the journal of a run names for a kind of task; in this process, or
on a server that is told to load it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from knowhow.agents.local.weights import weights_hash
from knowhow.agents.model import parse_uri, takes_plain_adapters, with_adapter
from knowhow.environments.errors import BadSetting
from knowhow.evals.settings import Settings
from knowhow.training.plain import as_plain
from knowhow.training.registry import serving
from knowhow.training.types import Adapter, AdapterStatus


def base_of(settings: Settings) -> Path:
    """The folder of the model that a run plays with. Raises: BadSetting for a model that takes no adapters, and for one
    on a server where ``Settings.base`` does not say where its weights are."""
    model = settings.model
    takes_plain_adapters(model)
    scheme, name, _ = parse_uri(model)
    if scheme == "hf" and "@" in name:
        raise BadSetting(f"the model {model} has an adapter already; use --model hf:PATH, without an adapter")
    if scheme != "hf" and not settings.base:
        raise BadSetting(f"the model {model} is on a server; say where its weights are: --base PATH")
    return Path(settings.base or name)


def of_base(base: Path, settings: Settings) -> str:
    """The URI of a base: that of the run, with its options, where it played with this base."""
    scheme, name, _ = parse_uri(settings.model)
    folder = settings.base or (name.partition("@")[0] if scheme == "hf" else "")
    same = bool(folder) and Path(folder).resolve() == base.resolve()
    return settings.model if same and not (scheme == "hf" and "@" in name) else f"hf:{base}"


def uri(model: str, adapter: Adapter | None, folder: Path) -> str:
    """The URI of a base with an adapter of the run in ``folder``, or without; its options stay. A server knows it by
    its id and its hash, so that a name is never used for other weights.

    Raises: BadSetting for an adapter that a server cannot load; ModelError where it refuses.
    """
    if adapter is None:
        return model
    weights = folder / adapter.path
    if takes_plain_adapters(model):
        weights = as_plain(weights, Path(adapter.base))
    return with_adapter(model, weights, f"{adapter.id}-{weights_hash(weights)[:12]}")


def route(
    adapters: Callable[[], Sequence[Adapter]], settings: Settings, folder: Path, *, needed: bool = False
) -> Callable[[str], str]:
    """Which model plays a kind of task: the run's with the active adapter for that kind, or without. ``adapters`` are
    those of the run in ``folder``, asked for each episode. Raises: as ``base_of``; BadSetting where some adapter is
    ``needed`` and none is active for the base; when asked, as ``uri``."""
    base, made = base_of(settings), dict[str, str]()
    base_hash = weights_hash(base)
    if needed and not any(one.status is AdapterStatus.ACTIVE and one.base_hash == base_hash for one in adapters()):
        told = ", ".join(f"{one.id} of {one.base} is {one.status}" for one in adapters()) or "it has none"
        raise BadSetting(
            f"no adapter of {folder} is active for {base} ({told}); make one: knowhow adapters use {folder} ID, or "
            "leave --adapters out"
        )

    def to(kind: str) -> str:
        adapter = serving(adapters(), base_hash, kind)
        id = adapter.id if adapter else ""
        if id not in made:
            made[id] = uri(settings.model, adapter, folder)
        return made[id]

    return to
