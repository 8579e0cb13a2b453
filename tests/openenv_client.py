"""OpenEnv's own clients at the URL given, run by the Python of ``make openenv``: prints what they saw."""

import asyncio
import json
import sys

from openenv.core.generic_client import GenericEnvClient
from openenv.core.mcp_client import MCPToolClient


async def main(url):
    async with GenericEnvClient(base_url=url) as env:
        first = await env.reset(seed=4, episode_id="mine")
        action = {"type": "call_tool", "tool_name": "act", "arguments": {"command": "take the red key"}}
        held = await env.step(action)
        action["arguments"] = {"command": "unlock the door"}
        last = await env.step(action)
        state = await env.state()
        again = await env.reset(seed=4)
    async with MCPToolClient(base_url=url) as env:
        tools = [tool.model_dump() for tool in await env.list_tools()]
        waited = await env.call_tool("act", command="wait")
        try:
            await env.step({"nonsense": 1})
            refused = ""
        except RuntimeError as error:
            refused = str(error)
    return {
        "first": first.observation,
        "held": held.observation,
        "last": [last.observation["result"], last.reward, last.done],
        "state": state,
        "again": again.observation == first.observation,
        "tools": tools,
        "waited": waited,
        "refused": refused,
    }


print(json.dumps(asyncio.run(main(sys.argv[1]))))
