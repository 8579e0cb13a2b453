"""The names that a server answers to: its base, and the adapters that are loaded beside it at run time.

After ``OpenAIServingModels`` of vLLM (https://github.com/vllm-project/vllm, Apache-2.0): the same requests, answers and
status codes. What differs: a name is never used for other weights, not even after it was unloaded, and nothing is
loaded in place, so that a name stands for the same weights for ever.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knowhow.agents.local.engine import Engine
from knowhow.agents.local.serving.refusal import Refusal, unknown_model
from knowhow.agents.local.types import UnknownAdapter
from knowhow.environments.errors import BadSetting


class Models:
    """``base``: the name of the model itself; ``adapters``: those that the engine has already."""

    def __init__(self, engine: Engine, base: str, adapters: Mapping[str, Path]) -> None:
        self.base = base
        self._engine = engine
        self._paths = dict(adapters)
        self._began = int(time.time())

    def adapter(self, name: str) -> str:
        """The adapter behind a name, empty for the base; no name is the base too. Raises: Refusal."""
        if name in ("", self.base):
            return ""
        if name not in self._engine.adapters:
            raise unknown_model(name)
        return name

    def listed(self) -> dict[str, Any]:
        """As ``/v1/models`` tells them."""
        loaded = set(self._engine.adapters)
        adapters = [self._card(name, path, self.base) for name, path in self._paths.items() if name in loaded]
        return {"object": "list", "data": [self._card(self.base, self._engine.path, None), *adapters]}

    async def load(self, body: Mapping[str, Any]) -> str:
        """The body of ``/v1/load_lora_adapter``. Raises: Refusal."""
        name, path = body.get("lora_name"), body.get("lora_path")
        if not isinstance(name, str) or not isinstance(path, str) or not name or not path:
            raise Refusal("Both 'lora_name' and 'lora_path' must be provided.", kind="InvalidUserInput")
        if name in (self.base, *self._engine.adapters):
            raise Refusal(
                f"The lora adapter '{name}' has already been loaded. Give every version a name of its own.",
                kind="InvalidUserInput",
            )
        await asyncio.to_thread(self._load, name, Path(path))
        self._paths[name] = Path(path)
        return f"Success: LoRA adapter '{name}' added successfully."

    def _load(self, name: str, path: Path) -> None:
        if not path.is_dir():
            raise Refusal(f"Loading lora {name} failed: No adapter found for {path}", 404, "NotFoundError")
        try:
            self._engine.load_adapter(name, path)
        except BadSetting as error:
            raise Refusal(str(error), kind="InvalidUserInput") from error

    async def unload(self, body: Mapping[str, Any]) -> str:
        """The body of ``/v1/unload_lora_adapter``. Raises: Refusal."""
        name = body.get("lora_name")
        if not isinstance(name, str) or not name:
            raise Refusal("'lora_name' needs to be provided to unload a LoRA adapter.", kind="InvalidUserInput")
        try:
            await asyncio.to_thread(self._engine.unload_adapter, name)
        except UnknownAdapter:
            raise Refusal(f"The lora adapter '{name}' cannot be found.", 404, "NotFoundError") from None
        return f"Success: LoRA adapter '{name}' removed successfully."

    def _card(self, name: str, root: Path, parent: str | None) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self._began,
            "owned_by": "knowhow",
            "root": str(root),
            "parent": parent,
            "max_model_len": self._engine.window,
        }
