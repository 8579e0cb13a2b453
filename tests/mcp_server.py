"""An MCP server for tests: a shelf of things, and tools that misbehave. ``http`` as its argument serves it by HTTP."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import EmbeddedResource, ResourceLink, TextResourceContents

shelf: list[str] = []
server = MCPServer("shelf", instructions="The shelf holds three things.")


@server.tool()
def put(thing: str, times: int = 1) -> str:
    """Put a thing on the shelf."""
    if len(shelf) + times > 3:
        raise ToolError("the shelf is full")
    shelf.extend([thing] * times)
    return f"There is now: {', '.join(shelf)}."


@server.tool(name="shelf.look")
def look() -> str:
    """What is on the shelf."""
    return ", ".join(shelf) or "nothing"


@server.tool()
def pid() -> str:
    """The number of this process, and of one that it starts."""
    return f"{os.getpid()} {subprocess.Popen(['sleep', '600'], stdin=subprocess.PIPE).pid}"


@server.tool()
def die() -> str:
    """End the server."""
    print("the shelf broke", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


@server.tool()
def slow(seconds: float) -> str:
    """Take some time."""
    time.sleep(seconds)
    return "At last."


@server.tool()
async def hang() -> str:
    """Keep the whole server from answering."""
    time.sleep(600)  # noqa: ASYNC251 (it is what this is for)
    return ""


@server.tool()
def much() -> str:
    """Say too much."""
    return "x" * 1_000_000


@server.tool(structured_output=False)
def pictures() -> list[Any]:
    """What is no text."""
    told = TextResourceContents(uri="shelf://label", text="Three things.")
    link = ResourceLink(type="resource_link", name="plan", uri="shelf://plan")
    return [Image(data=b"12345", format="png"), EmbeddedResource(type="resource", resource=told), link]


if __name__ == "__main__":
    if sys.argv[1:] == ["late"]:
        time.sleep(600)
    if sys.argv[1:] == ["http"]:
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        print(f"http://127.0.0.1:{port}/mcp", flush=True)
        server.run("streamable-http", host="127.0.0.1", port=port)
    else:
        server.run()
