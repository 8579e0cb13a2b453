"""A local model behind OpenAI's protocol: a real server in a process of its own, and OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import openai
from openai_server import OpenAIServer
from processes import command
from program import knowhow
from runs import HUT
from served import MAIN, server
from tiny_model import SEEN, alone, greedy, taught, tiny_adapter, tiny_model
from vllm_fields import CHAT, CHOICE, COMPLETION, LOAD, UNLOAD

from knowhow.agents.episode import Agent, play
from knowhow.agents.model import load_model
from knowhow.agents.models._lora_server import load_adapter, unload_adapter
from knowhow.agents.samples import unfolded
from knowhow.agents.types import Start
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, ModelError
from knowhow.environments.types import StopReason

pytestmark = pytest.mark.train

MESSAGES: Any = [{"role": "system", "content": "You act."}, {"role": "user", "content": "Put a mug on the desk."}]
PARAMETERS = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
TOOLS: Any = [{"type": "function", "function": {"name": "act", "description": "Act.", "parameters": PARAMETERS}}]
TOKENS = {"return_token_ids": True}
WRITTEN = 'I look. <tool_call>{"arguments":{"command":  "look"},"name":"act"}</tool_call>'
"""A call in another order and with other spaces than the template would write it."""


@dataclass(frozen=True)
class Served:
    """A server of the model ``base``, and of an adapter at its start. ``models`` are its models by transformers
    alone, ``record`` is where it keeps what was sampled."""

    url: str
    root: Path
    tokenizer: Any
    models: dict[str, Any]
    record: Path

    def adapter(self, seed: int) -> Path:
        return self.root / f"adapter-{seed}"

    def greedy(self, prompt: list[int], model: str = "") -> list[int]:
        return greedy(self.models[model], prompt)[0]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    from transformers import AutoTokenizer

    root = tmp_path_factory.mktemp("models")
    base = tiny_model(root / "base")
    adapters = [tiny_adapter(root / f"adapter-{seed}", base, seed=seed) for seed in (1, 2, 3)]
    words = [*command(MAIN), "serve", str(base), "--name", "base", "--adapter", f"first={adapters[0]}"]
    with server([*words, "--record", str(root / "record"), "--json"]) as (line, _):
        url = json.loads(line)["url"]
        tokenizer = AutoTokenizer.from_pretrained(base)
        yield Served(url, root, tokenizer, alone(base, *adapters), root / "record/samples.jsonl")


@pytest.fixture
async def client(served: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        yield client


async def ask(client: openai.AsyncOpenAI, model: str = "base", **how: Any) -> Any:
    told = {"messages": MESSAGES, "max_tokens": 8, "extra_body": TOKENS, **how}
    return await client.chat.completions.create(model=model, **told)


async def test_a_completion_tells_its_tokens_log_probabilities_and_cost(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    made = await ask(client, temperature=0, logprobs=True, top_logprobs=2, tools=TOOLS)
    (choice,) = made.choices
    prompt = served.tokenizer.apply_chat_template(MESSAGES, tools=TOOLS, add_generation_prompt=True, tokenize=False)
    assert served.tokenizer.decode(made.prompt_token_ids) == prompt
    assert choice.token_ids == served.greedy(made.prompt_token_ids)
    assert choice.message.content == served.tokenizer.decode(choice.token_ids, skip_special_tokens=True)
    told = greedy(served.models[""], made.prompt_token_ids)[1]
    for token, id, logprob in zip(choice.logprobs.content, choice.token_ids, told, strict=True):
        assert token.token == served.tokenizer.decode([id]) == token.top_logprobs[0].token
        assert abs(token.logprob - logprob) < 1e-3 and len(token.top_logprobs) == 2
        assert bytes(token.bytes).decode() == token.token
    assert (made.model, choice.finish_reason) == ("base", "length")
    assert (made.usage.prompt_tokens, made.usage.completion_tokens) == (len(made.prompt_token_ids), 8)
    assert set(made.model_dump(exclude_unset=True)) <= COMPLETION
    assert set(choice.model_dump(exclude_unset=True)) <= CHOICE
    plain = (await client.chat.completions.create(model="base", messages=MESSAGES, max_tokens=2)).model_dump()
    assert "prompt_token_ids" not in plain and plain["choices"][0]["logprobs"] is None


async def test_seed_count_stop_and_limits_are_honoured(served: Served, client: openai.AsyncOpenAI) -> None:
    one, same, other = [(await ask(client, seed=seed)).choices[0].token_ids for seed in (4, 4, 5)]
    assert one == same != other
    several = await ask(client, seed=4, n=3)
    assert [choice.token_ids for choice in several.choices][:2] == [one, other]
    assert len({tuple(choice.token_ids) for choice in several.choices}) == 3
    assert several.usage.completion_tokens == sum(len(choice.token_ids) for choice in several.choices)
    unseeded = [(await ask(client)).choices[0].token_ids for _ in range(2)]
    assert unseeded[0] != unseeded[1]
    assert len((await ask(client, max_completion_tokens=3)).choices[0].token_ids) == 3
    whole = (await ask(client, temperature=0)).choices[0].message.content
    stopped = (await ask(client, temperature=0, stop=[whole[2:4]])).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == (whole.partition(whole[2:4])[0], "stop")


async def test_a_stream_brings_the_same_token_by_token(served: Served, client: openai.AsyncOpenAI) -> None:
    how: Any = {"seed": 8, "n": 2, "max_tokens": 30, "logprobs": True, "tools": TOOLS}
    whole = await ask(client, **how)
    chunks = [chunk async for chunk in await ask(client, stream=True, stream_options={"include_usage": True}, **how)]
    assert chunks[0].prompt_token_ids == whole.prompt_token_ids
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens and not chunks[-1].choices
    for choice in whole.choices:
        mine = [part for chunk in chunks for part in chunk.choices if part.index == choice.index]
        assert "".join(part.delta.content or "" for part in mine) == (choice.message.content or "")
        assert [id for part in mine for id in getattr(part, "token_ids", None) or ()] == choice.token_ids
        logprobs = [token for part in mine if part.logprobs for token in part.logprobs.content]
        assert [token.token for token in logprobs] == [token.token for token in choice.logprobs.content]
        assert [part.finish_reason for part in mine if part.finish_reason] == [choice.finish_reason]
    async for _ in await ask(client, stream=True, max_tokens=4000):
        break  # a client that goes leaves the server well
    assert (await ask(client, temperature=0)).choices[0].token_ids


async def test_the_choice_of_a_tool_decides_what_the_model_reads_and_how_its_reply_begins(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    async def asked(choice: Any) -> tuple[str, Any]:
        made = await ask(client, tools=TOOLS, tool_choice=choice, seed=1)
        return served.tokenizer.decode(made.prompt_token_ids), made.choices[0]

    auto, none = await asked("auto"), await asked("none")
    assert "# Tools" in auto[0] and "# Tools" not in none[0]
    required, named = await asked("required"), await asked({"type": "function", "function": {"name": "act"}})
    assert required[0] == f"{auto[0]}<tool_call>\n" and len(required[1].message.tool_calls) == 1
    assert named[0] == f'{auto[0]}<tool_call>\n{{"name": "act", "arguments":'
    (call,) = named[1].message.tool_calls
    assert (call.function.name, named[1].message.content) == ("act", None)
    assert call.function.arguments  # what it wrote, though it is no JSON


async def test_adapters_come_and_go_under_names_that_are_never_used_for_others(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    first = await ask(client, "first", temperature=0)
    assert first.choices[0].token_ids == served.greedy(first.prompt_token_ids, "adapter-1")
    load_adapter(served.url, "skill-v1", served.adapter(2))
    cards = {card.id: card.model_dump() for card in (await client.models.list()).data}
    assert set(cards) == {"base", "first", "skill-v1"}
    assert (cards["skill-v1"]["parent"], cards["skill-v1"]["root"]) == ("base", str(served.adapter(2)))
    assert (cards["base"]["parent"], cards["base"]["max_model_len"]) == (None, 4096)
    second = await ask(client, "skill-v1", temperature=0)
    assert (
        second.choices[0].token_ids == served.greedy(second.prompt_token_ids, "adapter-2")
        and second.model == "skill-v1"
    )
    with pytest.raises(ModelError, match=r"refused the adapter 'skill-v1': .*has already been loaded"):
        load_adapter(served.url, "skill-v1", served.adapter(3))
    body = {"lora_name": "skill-v1", "lora_path": str(served.adapter(3)), "load_inplace": True}
    async with httpx.AsyncClient() as http:
        assert (await http.post(f"{served.url}/load_lora_adapter", json=body)).status_code == 400
    again = await ask(client, "skill-v1", temperature=0)
    assert again.choices[0].token_ids == second.choices[0].token_ids
    unload_adapter(served.url, "skill-v1")
    with pytest.raises(openai.NotFoundError, match="The model `skill-v1` does not exist"):
        await ask(client, "skill-v1")
    with pytest.raises(ModelError, match="'skill-v1' was used before; give every version a name of its own"):
        load_adapter(served.url, "skill-v1", served.adapter(3))
    load_adapter(served.url, "skill-v1", served.adapter(2))
    assert (await ask(client, "skill-v1", temperature=0)).choices[0].token_ids == second.choices[0].token_ids
    unload_adapter(served.url, "skill-v1")
    assert (await ask(client, temperature=0)).choices[0].token_ids == served.greedy(first.prompt_token_ids)


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("load_lora_adapter", {"lora_name": "x"}, 400, "Both 'lora_name' and 'lora_path' must be provided."),
        ("load_lora_adapter", {"lora_name": "x", "lora_path": "/no"}, 404, "No adapter found for /no"),
        ("load_lora_adapter", {"lora_name": "base", "lora_path": "/no"}, 400, "'base' has already been loaded"),
        ("load_lora_adapter", {"lora_name": "x", "lora_path": "{root}/base"}, 400, "no adapter_config.json"),
        ("unload_lora_adapter", {}, 400, "'lora_name' needs to be provided"),
        ("unload_lora_adapter", {"lora_name": "x"}, 404, "The lora adapter 'x' cannot be found."),
        ("chat/completions", {"messages": MESSAGES, "model": "gpt"}, 404, "The model `gpt` does not exist."),
        ("chat/completions", {"messages": []}, 400, "messages has to be a list"),
        ("chat/completions", {"messages": MESSAGES, "temperature": -1}, 400, "temperature=-1 is no float"),
        ("chat/completions", {"messages": MESSAGES, "n": 0}, 400, "n=0 is no int in the range"),
        ("chat/completions", {"messages": MESSAGES, "max_tokens": True}, 400, "max_tokens=True"),
        ("chat/completions", {"messages": MESSAGES, "top_logprobs": 2}, 400, "top_logprobs needs logprobs=true"),
        ("chat/completions", {"messages": MESSAGES, "stop": [""]}, 400, "stop="),
        ("chat/completions", {"messages": MESSAGES, "tool_choice": "required"}, 400, "tool_choice='required'"),
        ("chat/completions", {"messages": MESSAGES, "tools": ["act"]}, 400, "every tool has to be an object"),
        ("chat/completions", {"messages": MESSAGES, "top_k": 5}, 400, "top_k is not supported here"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "read text only",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": "look " * 9000}]},
            400,
            "window of base has 4,096",
        ),
        ("chat/completions", [1], 400, "is no JSON object"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_with_the_reason(
    served: Served, path: str, body: Any, status: int, why: str
) -> None:
    sent = json.dumps(body).replace("{root}", str(served.root))
    answer = httpx.post(f"{served.url}/{path}", content=sent)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, status) and why in error["message"]
    assert httpx.get(served.url.replace("/v1", "/health")).status_code == 200


async def test_adapters_change_under_load_and_every_reply_is_by_the_one_it_names(
    served: Served, client: openai.AsyncOpenAI
) -> None:
    kinds = ["adapter-1", "adapter-2", "adapter-3"]
    asked: list[Any] = [[{"role": "user", "content": f"Put a mug on desk {at}."}] for at in range(4)]
    encoded = [served.tokenizer.apply_chat_template(one, add_generation_prompt=True)["input_ids"] for one in asked]
    wanted = {(kind, at): served.greedy(prompt, kind) for kind in kinds for at, prompt in enumerate(encoded)}
    current, answered, over = ["first", "adapter-1"], Counter[str](), asyncio.Event()

    async def player(number: int) -> None:
        draw = random.Random(number)
        while not over.is_set():
            version, kind = current
            at = draw.randrange(len(asked))
            try:
                made = await ask(client, version, messages=asked[at], temperature=0)
            except openai.NotFoundError:  # it was unloaded before the request came
                continue
            ids = made.choices[0].token_ids
            assert (made.model, ids) == (version, wanted[kind, at][: len(ids)])
            answered[version] += 1

    async def swap() -> None:
        for version in range(6):
            name, kind = f"swap-v{version}", kinds[version % 3]
            await asyncio.to_thread(load_adapter, served.url, name, served.root / kind)
            old, current[:] = current[0], [name, kind]
            while answered[name] < 5:  # noqa: ASYNC110 - a count, not an event
                await asyncio.sleep(0.01)
            if old != "first":
                await asyncio.to_thread(unload_adapter, served.url, old)
        over.set()

    await asyncio.gather(swap(), *(player(number) for number in range(6)))
    assert min(answered[f"swap-v{version}"] for version in range(6)) >= 5


KEY = "sesame"


@dataclass(frozen=True)
class Speaking:
    """A server, which wants a key, of a model that makes the same call every time: where it records, and the ids of
    the call."""

    url: str
    record: Path
    reply: list[int]


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaking]:
    """At the end it has to end at once by Ctrl-C."""
    from transformers import AutoTokenizer

    root = tmp_path_factory.mktemp("speaking")
    base = tiny_model(root / "base", seen=SEEN)
    tokenizer = AutoTokenizer.from_pretrained(base)
    letters = [tokenizer.encode(letter)[0] for letter in WRITTEN[:8]]  # not as the tokenizer would
    reply = [*letters, *tokenizer.encode(WRITTEN[8:]), tokenizer.eos_token_id]
    assert reply[:-1] != tokenizer.encode(WRITTEN)
    words = ["serve", str(taught(root / "taught", base, reply)), "--name", "it", "--record", str(root)]
    with server([*command(MAIN), *words, "--host", "0.0.0.0", "--json"], KNOWHOW_TOKEN=KEY) as (line, process):
        told = json.loads(line)
        assert (told["model"], told["token"]) == ("it", KEY)
        yield Speaking(told["url"].replace("0.0.0.0", "127.0.0.1"), root / "samples.jsonl", reply)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


async def test_what_an_episode_keeps_unfolds_to_the_very_ids_that_the_server_sampled(
    speaking: Speaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWHOW_TOKEN", KEY)
    model = load_model(f"{speaking.url}#it?key=KNOWHOW_TOKEN&tokens=1&temperature=0&max_tokens=60")
    suite = build("knowhow.environments.suites", HUT)
    task = suite.tasks("train")[0]
    trajectory = await play(suite, Agent(model, model.meter))(task, Start(seed=1))
    await model.aclose()
    assert trajectory.stop is StopReason.MAX_STEPS, trajectory.error
    assert {step.call.arguments["command"] for step in trajectory.steps if step.call} == {"look"}
    lines = [json.loads(line) for line in speaking.record.read_text().splitlines()]
    whole = [(prompt, list(sample.tokens)) for prompt, sample in filter(None, unfolded(trajectory.samples))]
    assert whole == [(line["prompt"], line["tokens"]) for line in lines] and len(whole) == len(trajectory.steps)
    for line, sample in zip(lines, trajectory.samples, strict=True):
        assert sample is not None and sample.tokens == tuple(speaking.reply) and sample.model == line["model"] == "it"
        assert sample.logprobs == tuple(line["logprobs"]) and line["finish"] == "stop"
    for before, sample in zip(lines, trajectory.samples[1:], strict=False):
        assert sample is not None and sample.kept == len(before["prompt"]) + len(before["tokens"])


async def test_calls_are_streamed_whole_and_nothing_of_them_as_text(speaking: Speaking) -> None:
    async with openai.AsyncOpenAI(base_url=speaking.url, api_key=KEY) as client:
        stream = await ask(client, "it", stream=True, tools=TOOLS, temperature=0, max_tokens=60)
        parts = [chunk.choices[0] async for chunk in stream]
        plain = await ask(client, "it", stream=True, temperature=0, max_tokens=60)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in plain])
    assert "".join(part.delta.content or "" for part in parts) == "I look."
    ((call,),) = [part.delta.tool_calls for part in parts if part.delta.tool_calls]
    assert (call.function.name, call.function.arguments) == ("act", '{"command": "look"}')
    assert parts[-1].finish_reason == "tool_calls"
    assert [id for part in parts for id in getattr(part, "token_ids", None) or ()] == speaking.reply
    assert text == WRITTEN  # without tools it is text


def test_where_others_reach_it_every_request_has_to_carry_the_key(speaking: Speaking) -> None:
    assert httpx.get(f"{speaking.url}/models").status_code == 401
    assert httpx.get(speaking.url.replace("/v1", "/health")).status_code == 200
    client = openai.OpenAI(base_url=speaking.url, api_key=KEY)
    assert [card.id for card in client.models.list()] == ["it"]
    with pytest.raises(ModelError, match="the token is missing or wrong"):
        unload_adapter(speaking.url, "x")
    with pytest.raises(ModelError, match="The lora adapter 'x' cannot be found"):
        unload_adapter(speaking.url, "x", key=KEY)


async def test_what_is_sampled_is_recorded_with_what_made_it(served: Served, client: openai.AsyncOpenAI) -> None:
    made = [await ask(client, model, seed=6, temperature=0.7, top_p=0.9, n=2) for model in ("base", "first")]
    lines: dict[str, list[Any]] = {}
    for line in map(json.loads, served.record.read_text().splitlines()):
        lines.setdefault(line["id"], []).append(line)
    for completion, label in zip(made, ("base", "base@first"), strict=True):
        written = sorted(lines[completion.id], key=lambda line: line["seed"])
        assert [line["seed"] for line in written] == [6, 7]
        for line, choice in zip(written, completion.choices, strict=True):
            assert (line["model"], line["tokens"]) == (label, choice.token_ids)
            assert (line["prompt"], line["temperature"], line["top_p"]) == (completion.prompt_token_ids, 0.7, 0.9)
            assert len(line["logprobs"]) == len(line["tokens"]) and line["time"] > 1.7e9


async def test_what_is_sent_for_vllm_is_what_vllm_reads() -> None:
    suite = build("knowhow.environments.suites", HUT)
    with OpenAIServer(lambda request, index: "I wait.") as scripted:
        plain, asking = (
            load_model(f"vllm:any@{scripted.url}{how}") for how in ("?top_p=0.9&max_tokens=5", "?tokens=1")
        )
        for model in (plain, asking):
            trajectory = await play(suite, Agent(model, model.meter))(suite.tasks("train")[0], Start(seed=3))
            await model.aclose()
        load_adapter(scripted.url, "skill-v1", Path("adapter"))
        unload_adapter(scripted.url, "skill-v1")
    *chats, last, load, unload = scripted.requests
    assert all(set(body) <= CHAT for body in (*chats, last)) and set(load) <= LOAD and set(unload) <= UNLOAD
    assert chats[0]["seed"] == 3 and not {"return_token_ids", "logprobs"} & set(chats[0])
    assert (last["return_token_ids"], last["logprobs"], last["tools"][0]["function"]["name"]) == (True, True, "act")
    assert load == {"lora_name": "skill-v1", "lora_path": f"{Path.cwd()}/adapter", "load_inplace": False}
    assert "does not tell token ids and log-probabilities" in trajectory.error


def test_a_server_that_is_not_there_or_loads_no_adapters_is_told_in_one_line(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(ModelError, match=r"nobody answers at http://127.0.0.1:.*; start the server or correct the URL"):
        load_adapter(dead, "x", Path("x"))
    with pytest.raises(ModelError, match="HTTP 404; start vLLM with --enable-lora"):
        unload_adapter(served.url.removesuffix("/v1"), "x")
    with pytest.raises(BadSetting, match="tokens=yes of a model is neither 0 nor 1"):
        load_model(f"vllm:any@{served.url}?tokens=yes")


def test_a_web_page_gets_nothing(served: Served) -> None:
    answer = httpx.get(f"{served.url}/models", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["{base}", "--adapter", "x"], "--adapter 'x' is not NAME=PATH"),
        (["{base}", "--adapter", "x=nowhere"], "nowhere is no adapter"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(served: Served, words: list[str], why: str) -> None:
    assert why in knowhow("serve", *(word.format(base=served.root / "base") for word in words)).complaint
