"""Conversations as token ids: the replies in them keep the ids that were sampled.

Text does not say how it was tokenised: a reply that is encoded again may become other tokens than the model drew, and
a trainer would then learn from what never happened. So every reply is remembered with the ids of its conversation.
"""

from __future__ import annotations

import hashlib
import json
import threading
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.agents.local.template import Message, arguments_of, rendered, text_of

MOST_KEPT = 2048
"""Replies that are remembered; the longest unused ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is to go on with. ``key`` stands for its messages and tools, ``text`` is what its template makes;
    ``begun`` is how its reply has to begin, which is in ``ids`` too."""

    key: bytes
    text: str
    ids: tuple[int, ...]
    begun: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A conversation that ends with a reply: its text before the reply, what the reply says, and all ids."""

    text: str
    said: str
    ids: array[int]


class Conversations:
    """The prompts of a tokenizer with a chat template; safe to share among threads.

    A conversation that goes on after a remembered reply begins with the ids of that reply and of the prompt that it
    answered; what follows is encoded. Where none of its replies is remembered, where an earlier message or the tools
    differ, or where the template writes what came before in another way than it did (without a reply's thoughts, say),
    the whole of it is encoded afresh.
    """

    def __init__(self, tokenizer: Any, ends: frozenset[int], most: int = MOST_KEPT) -> None:
        self._tokenizer = tokenizer
        self._ends = ends
        self._end_texts = [text for text in tokenizer.convert_ids_to_tokens(sorted(ends)) if text]
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def prompt(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = (), begun: str = "") -> Prompt:
        """The messages as the model is to read them, and how its reply begins. Raises: BadSetting."""
        text = rendered(self._tokenizer, messages, tools, prompt=True)
        keys = _keys(messages, tools)
        known = self._latest(keys)
        rest = text if known is None else self._rest(known, text)
        ids = self._encoded(text) if known is None or rest is None else (*known.ids, *self._encoded(rest))
        return Prompt(keys[-1], text, (*ids, *(self._encoded(begun) if begun else ())), begun)

    def remember(self, prompt: Prompt, reply: Message, ids: Sequence[int]) -> None:
        """``reply`` as the message that it will be in the conversation, ``ids`` of the prompt and the reply."""
        said = str(reply.get("content") or "").strip()
        with self._lock:
            self._known[_after(prompt.key, reply)] = _Known(prompt.text, said, array("i", ids))
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def _latest(self, keys: Sequence[bytes]) -> _Known | None:
        with self._lock:
            for key in reversed(keys):
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
        return None

    def _rest(self, known: _Known, text: str) -> str | None:
        """The text after the known reply; None where the known part is written in another way now."""
        if not text.startswith(known.text):
            return None
        start = len(known.text)
        places = [(at, end) for end in self._end_texts if (at := text.find(end, start)) >= 0]
        if not places:
            return None
        at, end = min(places)
        if known.said not in text[start:at]:
            return None
        return text[at + len(end) :] if known.ids[-1] in self._ends else text[at:]

    def _encoded(self, text: str) -> Sequence[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


def _keys(messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """A key for the tools, and for what every message ends."""
    keys = [hashlib.blake2b(json.dumps(list(tools), sort_keys=True, default=str).encode(), digest_size=16).digest()]
    for message in messages:
        keys.append(_after(keys[-1], message))
    return keys


def _after(key: bytes, message: Message) -> bytes:
    """What matters of a message: ids of calls, which others may change, and space around text do not."""
    calls = [(call["function"].get("name"), _sent(call)) for call in message.get("tool_calls") or ()]
    told = [message.get("role"), text_of(message.get("content")).strip(), calls]
    return hashlib.blake2b(key + json.dumps(told, sort_keys=True).encode(), digest_size=16).digest()


def _sent(call: Mapping[str, Any]) -> Any:
    """Arguments that were no JSON come back wrapped in some (``agents/model.py``)."""
    arguments = arguments_of(call["function"].get("arguments"))
    return arguments["unreadable"] if isinstance(arguments, dict) and [*arguments] == ["unreadable"] else arguments
