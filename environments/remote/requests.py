"""The requests of the small protocol: each is a function from a JSON object to a JSON object.

``docs/remote.md`` shows every one with its reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from knowhow.environments.errors import EpisodeOver, KnowhowError, UnknownName
from knowhow.environments.remote import wire
from knowhow.environments.remote.http import told
from knowhow.environments.remote.sessions import ServerFull, Session, Sessions
from knowhow.environments.remote.wire import Object
from knowhow.environments.types import SPLITS, Split, Suite, Task

PAGE = 1000
"""Tasks in one reply at most."""
BODY = 1 << 20
"""Bytes in one request at most."""
STATUS: Mapping[type[Exception], int] = {EpisodeOver: 410, ServerFull: 503, UnknownName: 404, ValueError: 400}


class Requests:
    """What a suite is asked for from outside. A suite may take its time to list tasks, so that goes to a thread.

    All raise ValueError for what cannot be read, and what the suite raises.
    """

    def __init__(self, suite: Suite, sessions: Sessions, *, oracle: bool) -> None:
        self.about = suite
        self.sessions = sessions
        self._oracle = oracle

    async def suite(self, asked: Object) -> Object:
        return await asyncio.to_thread(wire.about_suite, self.about, oracle=self._oracle)

    async def tasks(self, asked: Object) -> Object:
        split, start, count = _split(asked), _whole(asked, "start"), _whole(asked, "count", PAGE)
        return {"tasks": await asyncio.to_thread(self._page, split, start, min(count, PAGE))}

    async def oracle(self, asked: Object) -> Object:
        if not self._oracle:
            raise ValueError("the oracle is not served; start the server with --oracle")
        task, seed = await self._task(asked), _whole(asked, "seed")
        calls = await asyncio.to_thread(lambda: self.about.oracle(task, seed=seed))
        return {"calls": None if calls is None else [wire.call_out(call) for call in calls]}

    async def reset(self, asked: Object) -> Object:
        return await self.begun(await self.started(asked))

    async def step(self, asked: Object) -> Object:
        action = asked.get("action")
        if not isinstance(action, dict):
            raise ValueError(f"action={action!r:.100} is no object")
        return wire.feedback_out(await self.sessions.get(asked.get("session")).step(wire.call_in(action)))

    async def close(self, asked: Object) -> Object:
        await self.sessions.get(asked.get("session")).close()
        return {}

    async def state(self, asked: Object) -> Object:
        """What OpenEnv tells of an episode; an empty one where no session is named, as OpenEnv does."""
        if "session" not in asked:
            return {"episode_id": None, "step_count": 0}
        session = self.sessions.get(asked["session"])
        return {"episode_id": session.id, "step_count": session.steps}

    async def started(self, asked: Object) -> Session:
        """The session of the task that is asked for."""
        return self.sessions.start(await self._task(asked), _whole(asked, "seed"))

    async def begun(self, session: Session) -> Object:
        tools, first = await session.begin()
        return {"session": session.id, "tools": list(tools), **wire.feedback_out(first)}

    async def _task(self, asked: Object) -> Task:
        """The task that is told; for who knows of no tasks, such as an OpenEnv client, the one that the seed names."""
        if asked.get("task") is not None:
            if not isinstance(asked["task"], dict):
                raise ValueError(f"task={asked['task']!r:.100} is no object")
            return wire.task_in(asked["task"], self.about.name)
        tasks = await asyncio.to_thread(self.about.tasks, _split(asked))
        return tasks[_whole(asked, "seed") % len(tasks)]

    def _page(self, split: Split, start: int, count: int) -> list[Object]:
        return [wire.task_out(task) for task in self.about.tasks(split)[start : start + count]]


def http_routes(requests: Requests) -> list[Route]:
    """Each at the path of its name."""
    asked = [requests.suite, requests.tasks, requests.state]
    told = [requests.reset, requests.step, requests.close, requests.oracle]
    gets = [Route(f"/{one.__name__}", answering(one, requests.sessions), methods=["GET"]) for one in asked]
    return gets + [Route(f"/{one.__name__}", answering(one, requests.sessions), methods=["POST"]) for one in told]


def answering(
    handler: Callable[[Object], Awaitable[Object]], sessions: Sessions
) -> Callable[[Request], Awaitable[JSONResponse]]:
    """A handler as an endpoint; what it raises is told in one line."""

    async def endpoint(request: Request) -> JSONResponse:
        try:
            reply = await handler(await _told(request))
        except (KnowhowError, ValueError) as error:
            status = next((STATUS[kind] for kind in STATUS if isinstance(error, kind)), 500)
            return JSONResponse({"error": " ".join(str(error).split())}, status)
        except Exception as error:  # whatever lies below the suite
            return JSONResponse({"error": f"the suite failed: {type(error).__name__}: {error}"}, 500)
        if "session" in reply and await request.is_disconnected():  # nobody is left who would close it
            await sessions.get(reply["session"]).close()
        return JSONResponse(reply)

    return endpoint


async def _told(request: Request) -> dict[str, Any]:
    return dict(request.query_params) if request.method == "GET" else await told(request, BODY)


def _split(asked: Object) -> Split:
    split = asked.get("split", "train")
    if split not in SPLITS:
        raise ValueError(f"split={split!r:.60} is none of {', '.join(SPLITS)}")
    return SPLITS[SPLITS.index(split)]


def _whole(asked: Object, name: str, default: int = 0) -> int:
    value = default if asked.get(name) is None else asked[name]
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ValueError(f"{name}={value!r:.60} is no whole number from 0 up")
    return number
