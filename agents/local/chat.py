"""Chat with a local model: OpenAI's messages and tools in, a reply with its calls and its tokens out."""

from __future__ import annotations

import threading
import uuid
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowhow.agents.local.conversations import Conversations, Prompt
from knowhow.agents.local.engine import Engine
from knowhow.agents.local.hermes import Call, read_reply
from knowhow.agents.local.template import Message
from knowhow.agents.local.types import LORA, Generated, Sampling, Token


@dataclass(frozen=True, slots=True)
class Reply:
    """``content`` is what was said before the ``calls``."""

    generated: Generated
    content: str
    calls: tuple[Call, ...]
    ids: tuple[str, ...]

    @property
    def message(self) -> dict[str, Any]:
        """In OpenAI's chat format."""
        calls = [
            {"id": id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for id, call in zip(self.ids, self.calls, strict=True)
        ]
        return {"role": "assistant", "content": self.content, **({"tool_calls": calls} if calls else {})}


class Chat:
    """An engine that is spoken to in messages."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._conversations = Conversations(engine.tokenizer, engine.ends)
        self._at: dict[tuple[Path, int], str] = {}
        self._loading = threading.Lock()

    def adapter_at(self, path: Path) -> str:
        """The name of the adapter in a folder, loaded once; weights that were written anew are another adapter.

        Raises: BadSetting for what is no adapter of this model.
        """
        path = path.resolve()
        written = max((file.stat().st_mtime_ns for file in path.glob("adapter_*")), default=0)
        with self._loading:
            if (path, written) not in self._at:
                name = f"{path}#{written}"
                self.engine.load_adapter(name, path)
                self._at[path, written] = name
            return self._at[path, written]

    def drop(self, path: Path) -> None:
        """Unload what ``adapter_at`` loaded from a folder; replies in progress with it are finished first."""
        path = path.resolve()
        with self._loading:
            for key in [key for key in self._at if key[0] == path]:
                self.engine.unload_adapter(self._at.pop(key))

    def prompt(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = (), begun: str = "") -> Prompt:
        """``begun``: how the reply has to begin. Raises: BadSetting for messages that cannot be read."""
        return self._conversations.prompt(messages, tools, begun)

    async def answer(
        self,
        prompt: Prompt,
        sampling: Sampling,
        adapter: str = "",
        *,
        tools: bool = True,
        tell: Callable[[Token], object] | None = None,
    ) -> Reply:
        """``tools``: look for calls in the reply. Raises: as ``Engine.generate``."""
        return self.reply(prompt, await self.engine.generate(prompt.ids, sampling, adapter, tell), tools=tools)

    def reply(self, prompt: Prompt, generated: Generated, *, tools: bool = True) -> Reply:
        """What was generated, read, and remembered for when the conversation goes on."""
        text = prompt.begun + generated.text
        content, calls = read_reply(text) if tools else (text, ())
        reply = Reply(generated, content, calls, tuple(f"call-{uuid.uuid4().hex[:16]}" for _ in calls))
        if generated.finish == "length" or generated.ids[-1] in self.engine.ends:  # else a stop text cut it
            self._conversations.remember(prompt, reply.message, (*generated.prompt, *generated.ids))
        return reply


_CHATS: weakref.WeakValueDictionary[tuple[Path, str], Chat] = weakref.WeakValueDictionary()
_OPENING = threading.Lock()


def chat_at(path: Path, kind: str = LORA) -> Chat:
    """The chat of this process with the model at a path, which is loaded once, for as long as somebody holds it.

    ``kind``: of its adapters, as PEFT names it; one model takes adapters of one kind only. Raises: as ``Engine``.
    """
    key = _key(path, kind)
    with _OPENING:
        chat = _CHATS.get(key)
        if chat is None:
            chat = _CHATS[key] = Chat(Engine(key[0]))
        return chat


def open_chat(path: Path, kind: str = LORA) -> Chat | None:
    """The chat with that model, where somebody holds it."""
    return _CHATS.get(_key(path, kind))


def _key(path: Path, kind: str) -> tuple[Path, str]:
    return path.expanduser().resolve(), kind
