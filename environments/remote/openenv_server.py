"""The side that an OpenEnv client sees: it plays the suite without knowing of Knowhow.

After openenv-core 0.3.0 (https://github.com/meta-pytorch/OpenEnv, BSD-3-Clause): the routes of ``HTTPEnvServer``, and
the messages of its WebSocket, where a connection is a session. Actions are its ``list_tools`` and ``call_tool``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from knowhow.environments.errors import KnowhowError
from knowhow.environments.remote import wire
from knowhow.environments.remote.requests import Requests, answering
from knowhow.environments.remote.sessions import ServerFull, Session
from knowhow.environments.remote.wire import Object
from knowhow.environments.types import Tool

TEXT, FLAG, THING = {"type": "string"}, {"type": "boolean"}, {"type": "object"}
ACTION = {
    "title": "CallToolAction",
    "type": "object",
    "properties": {"type": {"const": "call_tool", **TEXT}, "tool_name": TEXT, "arguments": THING},
    "required": ["tool_name"],
}
OBSERVATION = {
    "title": "CallToolObservation",
    "type": "object",
    "properties": {
        "tool_name": TEXT,
        "result": TEXT,
        "text": TEXT,
        "truncated": FLAG,
        "commands": {"type": "array", "items": TEXT},
    },
}
STATE = {"title": "State", "type": "object", "properties": {"episode_id": TEXT, "step_count": {"type": "integer"}}}


def openenv_routes(requests: Requests) -> list[BaseRoute]:
    suite = requests.about

    async def health(asked: Object) -> Object:
        return {"status": "healthy"}

    async def metadata(asked: Object) -> Object:
        return {"name": suite.name, "description": suite.description}

    async def schema(asked: Object) -> Object:
        return {"action": ACTION, "observation": OBSERVATION, "state": STATE}

    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await _Connection(requests, socket).serve()

    gets = [Route(f"/{one.__name__}", answering(one, requests.sessions)) for one in (health, metadata, schema)]
    return [*gets, WebSocketRoute("/ws", ws)]


class _Connection:
    """One client: one episode at a time, another one after every reset."""

    def __init__(self, requests: Requests, socket: WebSocket) -> None:
        self._requests, self._socket = requests, socket
        self._session: Session | None = None
        self._tools: list[Tool] = []
        self._name: str | None = None

    async def serve(self) -> None:
        try:
            while (message := await self._heard()).get("type") != "close":
                await self._socket.send_json(await self._reply(message))
            await self._end()
            await self._socket.close()
        except WebSocketDisconnect:
            pass
        finally:
            await self._end()

    async def _heard(self) -> Mapping[str, Any]:
        try:
            message = json.loads(await self._socket.receive_text())
        except ValueError as error:
            return {"broken": error}
        return message if isinstance(message, dict) else {"broken": f"{message!r:.60} is no object"}

    async def _reply(self, message: Mapping[str, Any]) -> Object:
        if "broken" in message:
            return _error("INVALID_JSON", message["broken"])
        data = message.get("data") or {}
        try:
            match message.get("type"):
                case "reset":
                    return {"type": "observation", "data": await self._reset(data)}
                case "step":
                    return {"type": "observation", "data": await self._step(data)}
                case "state":
                    steps = self._session.steps if self._session else 0
                    return {"type": "state", "data": {"episode_id": self._name, "step_count": steps}}
                case other:
                    return _error("UNKNOWN_TYPE", f"there is no message type {other!r:.60}")
        except ServerFull as error:
            return _error("CAPACITY_REACHED", error)
        except KnowhowError as error:
            return _error("EXECUTION_ERROR", error)
        except (ValueError, AttributeError) as error:
            return _error("VALIDATION_ERROR", error)
        except Exception as error:  # whatever lies below the suite
            return _error("EXECUTION_ERROR", f"the suite failed: {type(error).__name__}: {error}")

    async def _reset(self, data: Object) -> Object:
        await self._end()
        self._session = await self._requests.started(data)
        begun = {**await self._requests.begun(self._session)}
        self._tools = begun.pop("tools")
        self._name = str(data.get("episode_id") or begun.pop("session"))
        return {key: begun[key] for key in ("observation", "reward", "done")}

    async def _step(self, data: Object) -> Object:
        listing = data.get("type") == "list_tools"
        if self._session is None and listing:  # OpenEnv lists tools before any reset; here an episode has them
            await self._reset({})
        if self._session is None:
            raise ValueError("reset comes first")
        if listing:
            return {"observation": {"tools": [_tool_out(tool) for tool in self._tools]}, "reward": 0.0, "done": False}
        call = wire.call_in(data)
        said = wire.feedback_out(await self._session.step(call))
        seen = {"tool_name": call.name, "result": said["observation"]["text"], "error": None, **said["observation"]}
        return {**said, "observation": seen}

    async def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _tool_out(tool: Tool) -> Object:
    function = tool["function"]
    return {"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}


def _error(code: str, message: object) -> Object:
    return {"type": "error", "data": {"message": " ".join(str(message).split()), "code": code}}
