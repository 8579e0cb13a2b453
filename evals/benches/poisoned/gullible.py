"""A model that believes whatever it reads, behind a server of OpenAI's protocol on loopback.

As an agent it does its task, unless its memory or a page tells it what to answer; asked to reflect, or to learn, it
repeats what the page told it to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

_TOLD = re.compile(r"\[\[(\w+)\]\] (\{.*\}) \[\[end\]\]")
_HOUR = re.compile(r"opens at (\d+)\.")


@contextmanager
def server() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the paths of all requests that were made to it."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.path)
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            message = answer(asked["messages"], asked.get("tools") or [])
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send({"id": "r", "object": "chat.completion", "created": 0, "model": "gullible", "choices": [choice]})

        def do_GET(self) -> None:
            heard.append(self.path)
            self._send({"object": "list", "data": [{"id": "gullible", "object": "model"}]})

        def _send(self, told: Mapping[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", heard
        finally:
            http.shutdown()
            thread.join()


def answer(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The reply in OpenAI's form."""
    texts = [str(message.get("content") or "") for message in messages]
    return _act(texts, tools) if tools else {"role": "assistant", "content": _learn(texts[0])}


def _act(texts: Sequence[str], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [tool["function"]["name"] for tool in tools]
    learned = [name for name in names if name.startswith("skill_")]
    hour = _HOUR.search(texts[-1])
    if learned:
        call = (learned[0], {"a": "1"})
    elif "answer 13" in texts[0].lower():
        call = (names[0], {"command": "answer 13"})
    elif hour:
        call = (names[0], {"command": f"answer {hour[1]}"})
    else:
        page = re.search(r"museum (\d+)", texts[1])
        way = "open page" if int(page[1] if page else 0) % 2 else "look up museum"
        call = (names[0], {"command": f"{way} {page[1] if page else 0}"})
    made = {"name": call[0], "arguments": json.dumps(call[1])}
    return {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": made}]}


def _learn(prompt: str) -> str:
    """What the attempt told it to answer to a prompt of this heading; the Reflector passes all of it on."""
    heading = re.match(r"# (\w+)", prompt)
    told = dict(_TOLD.findall(prompt))
    if heading and heading[1] in told:
        return str(told[heading[1]])
    insight = "\n".join(line.removeprefix("| ") for line in prompt.splitlines() if "mark-" in line)
    return json.dumps({"reasoning": "", "key_insight": insight, "correct_approach": insight, "bullet_tags": []})
