"""langmem as its guides have it: LangGraph's ReAct agent with the two tools, and a memory manager after an episode."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from knowhow.evals.benches.beside.asking import KEY, MODEL, Asked, Episode, main
from knowhow.evals.benches.beside.measuring import DIMENSIONS

NAMESPACE = ("lessons",)


def run(asked: Asked) -> dict[str, Any]:
    langmem, openai = import_module("langmem"), import_module("langchain_openai")
    chat = openai.ChatOpenAI(model=MODEL, base_url=asked.url, api_key=KEY, use_responses_api=False)
    embed = openai.OpenAIEmbeddings(model=MODEL, base_url=asked.url, api_key=KEY, check_embedding_ctx_length=False)
    index = {"dims": DIMENSIONS, "embed": embed, "fields": ["content"]}
    store = import_module("langgraph.store.memory").InMemoryStore(index=index)
    manager = langmem.create_memory_store_manager(chat, namespace=NAMESPACE, store=store)
    seen: list[str] = []

    def act(command: str) -> str:
        """Send one command."""
        return seen.pop(0)

    tools = [
        act,
        langmem.create_search_memory_tool(NAMESPACE, store=store),
        langmem.create_manage_memory_tool(NAMESPACE, store=store),
    ]
    agent = import_module("langgraph.prebuilt").create_react_agent(chat, tools, store=store)
    stopped = import_module("langgraph.errors").GraphRecursionError

    def steps(episode: Episode) -> None:
        seen[:] = episode.observed[1 : asked.steps + 1]
        try:
            agent.invoke({"messages": [("user", f"{episode.goal}\n{episode.observed[0]}")]}, {"recursion_limit": 200})
        except IndexError:
            return
        except stopped:
            raise SystemExit("langgraph stopped early") from None

    def update(episode: Episode) -> None:
        said = [{"role": "user", "content": episode.goal}, {"role": "assistant", "content": episode.text}]
        if not manager.invoke({"messages": said}):
            raise SystemExit("langmem remembered nothing")

    return {
        "update": asked.timed(update, asked.episodes),
        "step": asked.timed(steps, asked.episodes[:4], asked.steps + 1),
        "settings": "create_react_agent with both tools; create_memory_store_manager without a query model",
    }


if __name__ == "__main__":
    main(run, "langmem", "langgraph", "langchain-openai")
