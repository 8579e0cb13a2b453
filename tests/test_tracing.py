"""What OpenTelemetry, LangChain's callbacks and the log are told of a run, each only where it is asked for."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from doors import TASK, Doors
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from openai_server import Fault, OpenAIServer, Reply
from runs import HUT, small

from knowhow.agents import tracing
from knowhow.agents.episode import Agent, play
from knowhow.agents.model import load_model
from knowhow.agents.types import Start
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Trajectory
from knowhow.evals import learn
from knowhow.evals.logs import Logged, logged
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.watch import Silent

memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="needs [tracing]")


async def one(seed: int = 7) -> Trajectory:
    model = load_model("novice")
    return await play(Doors(), Agent(model, model.meter, model="novice"))(TASK, Start(seed))


def named(spans: Sequence[Any], start: str) -> list[Any]:
    return [span for span in spans if span.name.startswith(start)]


async def test_an_episode_is_one_trace_of_its_decisions_its_recall_and_its_calls() -> None:
    kept = memory.InMemorySpanExporter()
    with tracing.traced(kept):
        played = await one()
    spans = kept.get_finished_spans()
    (episode,) = named(spans, "invoke_agent knowhow")
    steps = len(played.steps)
    assert [span.name.split()[0] for span in spans] == [
        *("retrieval", *(steps * ("chat", "execute_tool")), "invoke_agent")
    ]
    inside = [span for span in spans if span is not episode]
    assert {span.parent.span_id for span in inside} == {episode.context.span_id} and episode.parent is None
    told = episode.attributes
    assert told["gen_ai.operation.name"] == "invoke_agent"
    assert told["gen_ai.conversation.id"] == played.id
    assert (told["knowhow.task.id"], told["knowhow.seed"], told["knowhow.reward"]) == (TASK.id, 7, played.reward)
    assert (told["knowhow.stop"], told["knowhow.steps"]) == (str(played.stop), steps)
    assert told["gen_ai.usage.input_tokens"] == played.usage.prompt_tokens > 0
    chats, tools = named(spans, "chat"), named(spans, "execute_tool")
    assert sum(chat.attributes["gen_ai.usage.input_tokens"] for chat in chats) == played.usage.prompt_tokens
    assert [chat.kind.name for chat in chats] == ["CLIENT"] * steps
    assert [span.attributes["gen_ai.tool.name"] for span in tools] == ["act"] * steps


async def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    kept = memory.InMemorySpanExporter()
    with tracing.traced(kept):
        pass
    with tracing.traced(""):
        await one()
    assert kept.get_finished_spans() == ()


async def test_an_evolution_traces_its_edits_and_names_its_run(tmp_path: Path) -> None:
    with tracing.traced(str(tmp_path / "trace.jsonl")):
        await learn.start(small(episodes=4, rounds=1, validation=2), tmp_path / "run")
    spans = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    edits = [span["attributes"] for span in spans if span["name"] == "edit memory"]
    assert (edits[0]["knowhow.note"], edits[0]["knowhow.memory.version"]) == ("round 1", 1)
    assert edits[0]["knowhow.edits"] > 0
    assert len([span for span in spans if span["name"] == "invoke_agent knowhow"]) == 2 + 2 + 4 + 2 + 2 + 2
    (id,) = {span["attributes"]["knowhow.run.id"] for span in spans}
    assert id == json.loads((tmp_path / "run/run.json").read_text())["id"]


async def test_requests_are_traced_as_they_are_sent_with_what_went_wrong() -> None:
    def answer(request: dict[str, Any], index: int) -> Fault | Reply:
        return Fault(503, "busy") if index == 0 else Reply(calls=[("act", {"command": "take the red key"})])

    kept = memory.InMemorySpanExporter()
    with OpenAIServer(answer) as server, tracing.traced(kept):
        model = load_model(f"vllm:Qwen/Qwen3-8B@{server.url}?temperature=0.5", backoff_s=0.01)
        agent = Agent(model, model.meter, model="vllm")
        await play(Doors(), agent)(TASK, Start())
        await model.aclose()
    failed, *answered = named(kept.get_finished_spans(), "chat")
    assert failed.name == "chat Qwen/Qwen3-8B" and failed.attributes["gen_ai.provider.name"] == "vllm"
    assert failed.status.status_code.name == "ERROR" and "busy" in failed.status.description
    assert failed.attributes["error.type"] == "OpenAIAPIError"
    assert {chat.attributes["gen_ai.usage.output_tokens"] for chat in answered} == {10}


async def test_otlp_sends_to_where_opentelemetrys_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[tuple[str, str | None, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["x-team"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=ours")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
        with tracing.traced("otlp"):
            played = await one()
        server.shutdown()
    ((path, team, body),) = got
    assert (path, team) == ("/v1/traces", "ours")
    assert b"invoke_agent knowhow" in body and played.id.encode() in body


def test_a_trace_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot write the trace"), tracing.traced(str(tmp_path / "no" / "trace")):
        raise AssertionError("traced")


# --- LangChain's own way: LangSmith is such a handler ---


class Seen(BaseCallbackHandler):
    """The names of the models and nodes that it was told of, and how they hang together."""

    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.chats, self.tokens = 0, 0
        self.parents: set[Any] = set()
        self.runs: set[Any] = set()

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, **kwargs: Any) -> None:
        self.nodes.append(str(kwargs.get("name")))
        self.runs.add(run_id)

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: Any,
        *,
        run_id: Any,
        parent_run_id: Any = None,
        tags: Any = None,
        metadata: Any = None,
        **kwargs: Any,
    ) -> None:
        self.chats += 1
        self.parents.add(parent_run_id)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.tokens += response.generations[0][0].message.usage_metadata["total_tokens"]


async def test_a_callback_handler_sees_the_graph_and_its_model_calls() -> None:
    seen = Seen()
    played = await RunnableLambda(one).ainvoke(7, config={"callbacks": [seen]})
    assert seen.chats == len(played.steps) == played.usage.calls > 1
    assert seen.tokens == played.usage.tokens
    assert seen.parents <= seen.runs  # a call hangs on the node that made it
    assert seen.nodes.count("decide") == seen.chats and "LangGraph" in seen.nodes and "recall" in seen.nodes


# --- the log ---


async def test_the_log_is_json_lines_with_the_runs_id(tmp_path: Path) -> None:
    with logged(str(tmp_path / "log.jsonl")):
        await run(Settings(suite=HUT, episodes=2), tmp_path / "run", Logged(Silent()))
        logging.getLogger("knowhow.memory.index").warning("rebuilding %s", "it")
    logging.getLogger("knowhow.memory.index").warning("unheard")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["message"] for line in lines] == ["phase", "episode", "episode", "rebuilding it"]
    id = json.loads((tmp_path / "run/run.json").read_text())["id"]
    assert [line["run"] for line in lines] == [id, id, id, ""]
    assert lines[0]["episodes"] == 2 and lines[1]["steps"] > 0 and lines[3]["level"] == "warning"


def test_a_log_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot write the log"), logged(str(tmp_path / "no" / "log")):
        raise AssertionError("logged")
