"""A server of OpenAI's protocol on loopback, the model and embedder of all: it answers at once and counts.

    python -m knowhow.evals.benches.beside.stub

Prints its address and serves until its standard input ends. A request with tools gets a call of one, its schema filled;
one that wants a schema gets that filled; others get what the prompt's own words ask for. Every text field holds a
lesson of the same length, numbered, because some memories drop what they have. Vectors follow from the words of a text.
Tokens are characters over four, in the messages and tools and in the reply, for all alike.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
from array import array
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from math import sqrt
from typing import Any

from knowhow.evals.benches.beside.measuring import DIMENSIONS

CHARACTERS_A_TOKEN = 4
LESSON = "Lesson {}: open the fridge before you take what is in it, because a closed one shows nothing of it."
ACT, REMEMBER = "act", "Memory"
COMMAND, DONE = "look", "I open the fridge first."
_numbers = count()


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The message that replies to a request."""
    tools = request.get("tools") or []
    schema = _schema(request.get("response_format") or {})
    if tools:
        function = _chosen([tool["function"] for tool in tools])
        given = {"command": COMMAND} if function["name"] == ACT else filled(function.get("parameters") or {})
        made = {"name": function["name"], "arguments": json.dumps(given)}
        call = {"id": f"call_{next(_numbers)}", "type": "function", "function": made}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if schema:
        return _said(json.dumps(filled(schema)))
    text = "\n".join(_text(message["content"]) for message in request["messages"])
    return _said(next((say(text) for asks, say in _WORDS.items() if asks in text), _plain(text))())


def _chosen(functions: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The world's own tool, else the one that adds to a memory, else the first."""
    return next((one for name in (ACT, REMEMBER) for one in functions if one["name"] == name), functions[0])


def _plain(text: str) -> Callable[[], str]:
    """Who was told the lesson heeds it."""
    return (lambda: DONE) if LESSON[10:60] in text else lambda: "I look around."


def lesson() -> str:
    return LESSON.format(next(_numbers))


def filled(schema: Mapping[str, Any], whole: Mapping[str, Any] | None = None, name: str = "") -> Any:
    """A value that fits a JSON schema: one entry a list, the first of any choice."""
    whole = whole or schema
    if "$ref" in schema:
        return filled(_at(whole, schema["$ref"]), whole, name)
    for choice in ("anyOf", "oneOf", "allOf"):
        if schema.get(choice):
            return filled(schema[choice][0], whole, name)
    if "const" in schema or schema.get("enum"):
        return schema.get("const", (schema.get("enum") or [None])[0])
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        return {key: filled(part, whole, key) for key, part in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [filled(schema.get("items") or {"type": "string"}, whole, name)]
    plain = {"integer": 1, "number": 1.0, "boolean": True, "null": None}
    return plain[kind] if kind in plain else lesson()


def _at(whole: Mapping[str, Any], reference: str) -> Any:
    part: Any = whole
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def _schema(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (asked.get("json_schema") or {}).get("schema") or {}
    return found


def _said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(part.get("text", "")) for part in content or [])


def _object(**fields: Any) -> Callable[[str], Callable[[], str]]:
    """An object of these fields; a field that is a function is called for each reply."""

    def made(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: made(value) for name, value in part.items()}
        if isinstance(part, list):
            return [made(value) for value in part]
        return part() if callable(part) else part

    return lambda _: lambda: json.dumps(made(fields))


def _marked(text: str) -> Callable[[], str]:
    """DSPy's way of writing: each output field under its mark, as the prompt lists them last."""
    fields = dict.fromkeys(re.findall(r"`\[\[ ## (\w+) ## \]\]`", text.rpartition("Respond with the corresponding")[2]))
    given = {"next_tool_name": ACT, "next_tool_args": json.dumps({"command": COMMAND})}
    said = [f"[[ ## {name} ## ]]\n{given.get(name) or lesson()}" for name in fields if name != "completed"]
    return lambda: "\n\n".join([*said, "[[ ## completed ## ]]"])


def _by_schema(text: str) -> Callable[[], str]:
    """Instructor's way of asking: the schema stands in the prompt."""
    schema, _ = json.JSONDecoder().raw_decode(text.partition(_SCHEMA_FOLLOWS)[2].lstrip())
    return lambda: f"```json\n{json.dumps(filled(schema))}\n```"


_SCHEMA_FOLLOWS = "match the following json_schema:"
_WORDS: Mapping[str, Callable[[str], Callable[[], str]]] = {
    _SCHEMA_FOLLOWS: _by_schema,  # ace-framework
    # Knowhow's Reflector and Curator
    '"bullet_tags"': _object(reasoning=lesson, correct_approach=lesson, key_insight=lesson, bullet_tags=[]),
    '"operations"': _object(reasoning=lesson, operations=[{"type": "ADD", "section": "strategies", "content": lesson}]),
    # mem0's extraction
    '"attributed_to"': _object(memory=[{"id": "0", "text": lesson, "attributed_to": "user"}]),
    "Respond with the corresponding": _marked,
    # GEPA's reflection
    "within ``` blocks": lambda _: lambda: f"```\n{lesson()}\n```",
}
"""How a prompt asks that forces no schema, and what it gets."""


def vector(text: str) -> list[float]:
    """Of length one."""
    made = [0.0] * DIMENSIONS
    for word in text.lower().split():
        digest = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
        made[(digest >> 1) % DIMENSIONS] += 1.0 if digest & 1 else -1.0
    length = sqrt(sum(part * part for part in made)) or 1.0
    return [part / length for part in made]


def embeddings(request: Mapping[str, Any]) -> list[Any]:
    texts = request["input"]
    vectors = [vector(str(text)) for text in (texts if isinstance(texts, list) else [texts])]
    if request.get("encoding_format") != "base64":
        return vectors
    return [base64.b64encode(array("f", found).tobytes()).decode() for found in vectors]


class Counts:
    """Since the start. ``calls`` are chat requests."""

    def __init__(self) -> None:
        self.calls = self.prompt_tokens = self.completion_tokens = self.embedding_calls = 0
        self._lock = threading.Lock()

    def add(self, **numbers: int) -> None:
        with self._lock:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)

    def told(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


COUNTS = Counts()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece: in two, the other side's delayed acknowledgement costs 40 ms
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._send(COUNTS.told())

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._send(_embedded(request) if self.path.endswith("/embeddings") else _completed(request))

    def log_message(self, *args: object) -> None:
        pass

    def _send(self, told: Mapping[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _embedded(request: Mapping[str, Any]) -> dict[str, Any]:
    COUNTS.add(embedding_calls=1)
    rows = [{"object": "embedding", "index": row, "embedding": found} for row, found in enumerate(embeddings(request))]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "data": rows, "model": request.get("model", ""), "usage": usage}


def _completed(request: Mapping[str, Any]) -> dict[str, Any]:
    message = answer(request)
    asked = (request["messages"], request.get("tools"), request.get("response_format"))
    prompt = _tokens([part for part in asked if part])
    said = _tokens(message.get("content") or message.get("tool_calls"))
    COUNTS.add(calls=1, prompt_tokens=prompt, completion_tokens=said)
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", ""),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said},
    }


def _tokens(part: Any) -> int:
    text = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
    return -(-len(text) // CHARACTERS_A_TOKEN)


def main(arguments: Sequence[str] = ()) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
