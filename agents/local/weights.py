"""Which weights a folder holds, and which base an adapter was trained on: told by a hash, not by a folder's name."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from knowhow.agents.local.types import LORA
from knowhow.environments.errors import BadSetting

MARK = "base.json"
"""In an adapter's folder: the hash of the weights that it was trained on."""


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weights in a folder, by name. Raises: BadSetting where there are none."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise BadSetting(f"{folder} holds no weights (*.safetensors)")
    return _hash(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


@lru_cache(64)
def _hash(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Read once, as long as the files stay as they are: a large base takes a while."""
    found = hashlib.sha256()
    for file, *_ in files:
        found.update(file.name.encode())
        with file.open("rb") as weights:
            while part := weights.read(1 << 20):
                found.update(part)
    return found.hexdigest()


def adapter_kind(adapter: Path) -> str:
    """As PEFT names it; what cannot be read is told when it is loaded."""
    try:
        return str(json.loads((adapter / "adapter_config.json").read_text())["peft_type"])
    except (OSError, ValueError, KeyError, TypeError):
        return LORA


def mark_base(adapter: Path, base_hash: str) -> None:
    """Note in an adapter's folder which base it belongs to."""
    (adapter / MARK).write_text(json.dumps({"sha256": base_hash}))


def check_base(adapter: Path, base: Path) -> None:
    """Raises: BadSetting where the adapter says that it was trained on other weights than those of ``base``. One that
    says nothing, as those from elsewhere, is believed."""
    try:
        told = json.loads((adapter / MARK).read_text())["sha256"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{adapter / MARK} cannot be read: {error}") from error
    if told != weights_hash(base):
        raise BadSetting(f"the adapter {adapter} was trained on another base than {base}; use it with its own")
