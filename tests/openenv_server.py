"""OpenEnv environments, served by its own package: run by the Python of ``make openenv``, without Knowhow."""

import random
import socket
import sys

import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server import create_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field


class Guess(Action):
    """Guess the number."""

    number: int = Field(ge=1, le=8)


class Hint(Observation):
    hint: str = ""


class Guessing(Environment):
    """The seed decides the number. It never says that it is done."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed=None, episode_id=None, most=8):
        self._most, self._number = most, random.Random(seed).randint(1, most)
        self._state = State(episode_id=episode_id)
        return Hint(hint=f"It is a number from 1 to {most}.")

    def step(self, action, timeout_s=None):
        self._state.step_count += 1
        if action.number > self._most:
            raise RuntimeError(f"it was from 1 to {self._most}")
        told = "Right." if action.number == self._number else "Higher." if action.number < self._number else "Lower."
        return Hint(hint=told, reward=0.5 * (told == "Right."))

    @property
    def state(self):
        return self._state


class Echo(MCPEnvironment):
    """One session at a time, as OpenEnv has it by default."""

    def __init__(self):
        mcp = FastMCP("echo")

        @mcp.tool
        def echo(message: str, times: int = 1) -> str:
            """Say it again."""
            if message == "boo":
                raise ValueError("no ghosts")
            return " ".join([message] * times)

        super().__init__(mcp)
        self._state = State()

    def reset(self, seed=None, episode_id=None):
        return Observation()

    def _step_impl(self, action, timeout_s=None):
        raise ValueError(f"{action} is no tool call")

    @property
    def state(self):
        return self._state


APPS = {
    "guess": lambda: create_app(Guessing, Guess, Hint, max_concurrent_envs=8),
    "echo": lambda: create_app(Echo, CallToolAction, CallToolObservation),
}

if __name__ == "__main__":
    app = APPS[sys.argv[1]]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
