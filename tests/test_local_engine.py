"""The engine of local models, against the same model run by transformers alone, one prompt at a time."""

from __future__ import annotations

import asyncio
import math
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from tiny_model import alone, greedy, tiny_adapter, tiny_model

from knowhow.agents.local.conversations import Conversations
from knowhow.agents.local.engine import Engine
from knowhow.agents.local.hermes import read_reply
from knowhow.agents.local.template import Message
from knowhow.agents.local.types import Generated, PromptTooLong, Sampling, UnknownAdapter
from knowhow.environments.errors import BadSetting, ModelError

pytestmark = pytest.mark.train

GREEDY = Sampling(temperature=0, max_tokens=8)
TOOL = {"type": "function", "function": {"name": "act", "parameters": {"type": "object", "properties": {}}}}


@dataclass(frozen=True)
class Folders:
    base: Path
    adapters: tuple[Path, ...]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("models")
    base = tiny_model(root / "base")
    return Folders(base, tuple(tiny_adapter(root / f"adapter-{seed}", base, seed=seed) for seed in (1, 2, 3)))


@pytest.fixture(scope="module")
def references(folders: Folders) -> dict[str, Any]:
    return alone(folders.base, *folders.adapters)


@pytest.fixture
def engine(folders: Folders) -> Iterator[Engine]:
    engine = Engine(folders.base)
    yield engine
    engine.close()


def prompts(engine: Engine, count: int, seed: int = 0) -> list[list[int]]:
    """Of very different lengths."""
    draw = random.Random(seed)
    words = ["go to", "fridge 1", "mug", "desk 2", "look", "open", "take", "the"]
    texts = [" ".join(draw.choices(words, k=draw.choice([1, 5, 40, 200]))) for _ in range(count)]
    return [engine.tokenizer.encode(text, add_special_tokens=False) for text in texts]


def same(made: Generated, reference: tuple[list[int], list[float]]) -> bool:
    ids, logprobs = reference
    count = len(made.ids)  # an end token may come before
    return list(made.ids) == ids[:count] and all(
        math.isclose(mine, told, abs_tol=1e-3) for mine, told in zip(made.logprobs, logprobs[:count], strict=True)
    )


async def test_requests_in_flight_at_once_each_get_the_reply_of_their_own_adapter(
    engine: Engine, folders: Folders, references: dict[str, Any]
) -> None:
    for path in folders.adapters:
        engine.load_adapter(path.name, path)
    asked = [(prompt, list(references)[at % 4]) for at, prompt in enumerate(prompts(engine, 24))]
    made = await asyncio.gather(*(engine.generate(prompt, GREEDY, adapter) for prompt, adapter in asked))
    for (prompt, adapter), reply in zip(asked, made, strict=True):
        assert same(reply, greedy(references[adapter], prompt)), adapter
        assert (reply.prompt, reply.text) == (
            tuple(prompt),
            engine.tokenizer.decode(reply.ids, skip_special_tokens=True),
        )


async def test_a_prompt_that_goes_on_from_earlier_ones_is_read_from_there_and_answered_alike(
    engine: Engine, folders: Folders, references: dict[str, Any]
) -> None:
    engine.load_adapter("a", folders.adapters[0])
    reference = references[folders.adapters[0].name]
    asked = prompts(engine, 4, seed=5)
    for turn in range(4):
        made = await asyncio.gather(*(engine.generate(prompt, GREEDY, "a") for prompt in asked))
        for prompt, reply in zip(asked, made, strict=True):
            assert same(reply, greedy(reference, prompt))
            assert reply.cached > len(prompt) - 20 or not turn
        asked = [[*prompt, *reply.ids, 40 + turn, 50, 60] for prompt, reply in zip(asked, made, strict=True)]
    fork = [*asked[0][:-6], 99, 98]
    one, other = await asyncio.gather(engine.generate(fork, GREEDY, "a"), engine.generate(fork, GREEDY))
    assert one.cached == len(fork) - 2 and same(one, greedy(reference, fork))
    assert other.cached == 0 and same(other, greedy(references[""], fork))


async def test_prompts_of_more_than_one_pass_are_read_whole(engine: Engine, references: dict[str, Any]) -> None:
    draw = random.Random(1)
    long = [[draw.randrange(3, 300) for _ in range(length)] for length in (3000, 1500, 7)]
    made = await asyncio.gather(*(engine.generate(prompt, Sampling(0, max_tokens=2)) for prompt in long))
    assert all(same(reply, greedy(references[""], prompt, 2)) for prompt, reply in zip(long, made, strict=True))


async def test_memory_of_what_was_read_is_bounded(folders: Folders, references: dict[str, Any]) -> None:
    engine = Engine(folders.base, kept_bytes=400_000)  # about two sequences of these
    asked = [[at, *range(10, 200)] for at in range(3, 9)]
    for prompt in asked:
        await engine.generate(prompt, GREEDY)
    again = [await engine.generate(prompt, GREEDY) for prompt in (asked[-1], asked[0])]
    engine.close()
    assert (again[0].cached, again[1].cached) == (len(asked[-1]) - 1, 0)
    assert same(again[1], greedy(references[""], asked[0]))


async def test_a_reply_depends_on_its_seed_and_not_on_its_company(engine: Engine) -> None:
    warm = Sampling(temperature=1.0, top_p=0.9, max_tokens=12, seed=7)
    prompt, *others = prompts(engine, 10, seed=3)
    alone = await engine.generate(prompt, warm)
    company = [engine.generate(other, Sampling(1.5, seed=at, max_tokens=20)) for at, other in enumerate(others)]
    together, *_ = await asyncio.gather(engine.generate(prompt, warm), *company)
    assert together.ids == alone.ids
    seeds = [await engine.generate(prompt, Sampling(max_tokens=12, seed=seed)) for seed in range(8)]
    assert len({reply.ids for reply in seeds}) == 8
    longer = await engine.generate([*prompt, 50], warm)
    assert longer.ids[:3] != alone.ids[:3]  # a turn draws other numbers than the turn before it


def test_tokens_are_drawn_by_their_probabilities() -> None:
    import torch

    from knowhow.agents.local._sampling import draw

    logits, count, random_numbers = torch.tensor([2.0, 0.0, 1.5, -4.0, 1.9]), 20_000, random.Random(0)

    def drawn(**how: Any) -> Counter[int]:
        rows = [Sampling(**how)] * count
        made = draw(logits.expand(count, -1), rows, [random_numbers.random() for _ in rows])
        return Counter(token.id for token in made)

    for temperature in (0.5, 1.0, 3.0):
        seen = drawn(temperature=temperature)
        for token, wanted in enumerate((logits / temperature).softmax(-1).tolist()):
            assert abs(seen[token] / count - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / count)
    assert {*drawn(top_p=0.5)} == {0, 4} and {*drawn(top_p=0.1)} == {0} == {*drawn(temperature=0.0)}
    halves = drawn(top_p=0.5)
    assert abs(halves[0] / halves[4] - math.exp(0.1)) < 0.1  # the rest keeps its proportions
    for edge in (0.0, 1 - 2**-53):
        assert draw(logits[None], [Sampling()], [edge])[0].id == (0 if edge == 0.0 else 4)


async def test_log_probabilities_are_those_at_temperature_one(engine: Engine, references: dict[str, Any]) -> None:
    import torch

    prompt = prompts(engine, 1)[0]
    made = await engine.generate(prompt, Sampling(temperature=2.5, top_p=0.8, max_tokens=5, seed=1, alternatives=3))
    with torch.inference_mode():
        told = references[""](input_ids=torch.tensor([[*prompt, *made.ids]])).logits[0].log_softmax(-1)
    for at, token in enumerate(made.tokens, len(prompt) - 1):
        assert math.isclose(token.logprob, float(told[at, token.id]), abs_tol=1e-3)
        assert list(token.alternatives) == told[at].topk(3).indices.tolist()
        assert math.isclose(max(token.alternatives.values()), float(told[at].max()), abs_tol=1e-3)


async def test_a_reply_ends_at_its_end_token_its_stop_text_its_limit_or_the_window(
    engine: Engine, references: dict[str, Any]
) -> None:
    prompt = prompts(engine, 1)[0]
    ids = greedy(references[""], prompt, 20)[0]
    whole = await engine.generate(prompt, Sampling(0, max_tokens=5))
    assert (whole.finish, list(whole.ids)) == ("length", ids[:5])
    stop = re.findall("[a-z]{2,}", whole.text)[0]
    cut = await engine.generate(prompt, Sampling(0, max_tokens=20, stop=("never so", stop)))
    assert (cut.finish, cut.text) == ("stop", whole.text.partition(stop)[0])
    assert 0 < len(cut.ids) <= 5
    filled = await engine.generate(list(prompt) * (4090 // len(prompt)), Sampling(1.0))
    assert len(filled.prompt) + len(filled.ids) <= 4096
    for seed in range(400):
        made = await engine.generate(prompt[:1], Sampling(3.0, max_tokens=30, seed=seed))
        if made.finish == "stop":
            break
    assert made.ids[-1] in engine.ends and not set(made.ids[:-1]) & engine.ends
    assert "<|im_end|>" not in made.text


async def test_a_prompt_that_leaves_no_room_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(PromptTooLong, match=r"the prompt has 5,000 tokens, and the context window of base has 4,096"):
        await engine.generate([5] * 5000, GREEDY)


async def test_a_cancelled_request_leaves_and_others_go_on(engine: Engine, references: dict[str, Any]) -> None:
    prompt, other = prompts(engine, 2)
    began = asyncio.Event()
    loop = asyncio.get_running_loop()
    long = asyncio.create_task(
        engine.generate(prompt, Sampling(2.0), tell=lambda token: loop.call_soon_threadsafe(began.set))
    )
    await began.wait()
    long.cancel()
    assert same(await engine.generate(other, GREEDY), greedy(references[""], other))
    assert long.cancelled() or (await asyncio.gather(long, return_exceptions=True))


async def test_a_failure_costs_the_replies_in_the_pass_and_neither_answered_ones_nor_the_engine(
    engine: Engine, references: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = engine.tokenizer.decode
    short, long = prompts(engine, 2)
    ids = greedy(references[""], long, 3)[0]

    def failing(read: Sequence[int], **how: Any) -> str:
        if list(read) == ids:
            raise MemoryError("no memory is left")
        return str(decode(read, **how))

    monkeypatch.setattr(engine.tokenizer, "decode", failing)
    asked = [engine.generate(prompt, Sampling(0, max_tokens=3)) for prompt in (short, long)]
    one, other = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(other, MemoryError)
    assert isinstance(one, MemoryError) or (isinstance(one, Generated) and same(one, greedy(references[""], short)))
    monkeypatch.undo()
    assert same(await engine.generate(long, GREEDY), greedy(references[""], long))


async def test_nobody_waits_for_an_engine_that_has_ended(folders: Folders) -> None:
    engine = Engine(folders.base)
    waiting = [asyncio.ensure_future(engine.generate([5] * 9, Sampling(3.0))) for _ in range(3)]
    await asyncio.sleep(0)
    engine.close()
    for reply in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(reply, Generated) or "the engine of base has ended" in str(reply)
    with pytest.raises(ModelError, match="the engine of base has ended"):
        await engine.generate([5], GREEDY)


async def test_one_who_cannot_be_told_of_tokens_any_more_is_let_go(engine: Engine, references: dict[str, Any]) -> None:
    prompt, other = prompts(engine, 2)

    def tell(token: object) -> None:
        raise RuntimeError("the event loop is closed")

    gone, reply = engine.submit(prompt, GREEDY, tell=tell), engine.submit(other, GREEDY)
    assert same(await asyncio.wrap_future(reply), greedy(references[""], other))
    assert gone.cancelled()


async def test_adapters_change_under_load_and_no_reply_is_by_another_than_it_named(
    engine: Engine, folders: Folders, references: dict[str, Any]
) -> None:
    asked = prompts(engine, 6, seed=9)
    wanted = {
        (path.name, at): greedy(references[path.name], prompt)[0]
        for path in folders.adapters
        for at, prompt in enumerate(asked)
    }
    current = ["first", folders.adapters[0].name]
    answered = Counter[str]()
    over = asyncio.Event()

    async def ask(number: int) -> None:
        draw = random.Random(number)
        while not over.is_set():
            version, kind = current
            at = draw.randrange(len(asked))
            try:
                made = await engine.generate(asked[at], GREEDY, version)
            except UnknownAdapter:  # it was unloaded before the request came
                continue
            assert list(made.ids) == wanted[kind, at][: len(made.ids)], version
            answered[version] += 1

    async def swap() -> None:
        for version in range(12):
            path = folders.adapters[version % 3]
            await asyncio.to_thread(engine.load_adapter, f"skill-v{version}", path)
            old, current[:] = current[0], [f"skill-v{version}", path.name]
            while answered[current[0]] < 5:  # noqa: ASYNC110 - a count, not an event
                await asyncio.sleep(0)
            await asyncio.to_thread(engine.unload_adapter, old)
        over.set()

    engine.load_adapter("first", folders.adapters[0])
    await asyncio.gather(swap(), *(ask(number) for number in range(8)))
    assert min(answered[f"skill-v{version}"] for version in range(12)) >= 5
    assert engine.adapters == ("skill-v11",)


async def test_an_adapter_that_is_unloaded_finishes_what_it_began(
    engine: Engine, folders: Folders, references: dict[str, Any]
) -> None:
    path = folders.adapters[1]
    engine.load_adapter("a", path)
    prompt = prompts(engine, 1)[0]
    began, loop = asyncio.Event(), asyncio.get_running_loop()
    reply = asyncio.create_task(
        engine.generate(
            prompt, Sampling(0, max_tokens=40), "a", tell=lambda token: loop.call_soon_threadsafe(began.set)
        )
    )
    await began.wait()
    await asyncio.to_thread(engine.unload_adapter, "a")
    with pytest.raises(UnknownAdapter, match="no adapter 'a' is loaded; there are none"):
        await engine.generate(prompt, GREEDY, "a")
    assert list((await reply).ids) == greedy(references[path.name], prompt, 40)[0][: len((await reply).ids)]


async def test_without_adapters_the_base_is_as_it_was_to_the_last_bit(engine: Engine, folders: Folders) -> None:
    prompt = prompts(engine, 1)[0]
    how = Sampling(0, max_tokens=20, alternatives=5)
    untouched = Engine(folders.base)
    before = [await untouched.generate(one, how) for one in (prompt, [*prompt, 77])]
    untouched.close()
    engine.load_adapter("a", folders.adapters[0])
    changed = await engine.generate(prompt, how, "a")
    beside = await engine.generate(prompt, how)
    engine.unload_adapter("a")
    after = await engine.generate([*prompt, 77], how)
    assert changed.ids != beside.ids
    assert [beside.tokens, after.tokens] == [made.tokens for made in before]


async def test_an_adapter_name_is_never_used_twice_and_bad_adapters_change_nothing(
    engine: Engine, folders: Folders, references: dict[str, Any], tmp_path: Path
) -> None:
    wide = tiny_adapter(tmp_path / "wide", tiny_model(tmp_path / "other", seed=1, hidden=64), seed=1)
    with pytest.raises(BadSetting, match=r"wide cannot be loaded: .*size mismatch"):
        engine.load_adapter("wide", wide)
    biased = tiny_adapter(tmp_path / "biased", folders.base, seed=1, bias="lora_only")
    for path, why in ((folders.base, "no adapter_config.json"), (biased, "bias='lora_only'")):
        with pytest.raises(BadSetting, match=why):
            engine.load_adapter("new", path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/adapter_config.json").write_text('{"peft_type"')
    with pytest.raises(BadSetting, match="cannot be read"):
        engine.load_adapter("new", tmp_path / "broken")
    engine.load_adapter("new", folders.adapters[2])
    with pytest.raises(BadSetting, match="'new' was used before; give every version a name of its own"):
        engine.load_adapter("new", folders.adapters[1])
    engine.unload_adapter("new")
    with pytest.raises(BadSetting, match="was used before"):
        engine.load_adapter("new", folders.adapters[1])
    prompt = prompts(engine, 1)[0]
    assert same(await engine.generate(prompt, GREEDY), greedy(references[""], prompt))
    engine.load_adapter("newer", folders.adapters[2])
    assert same(await engine.generate(prompt, GREEDY, "newer"), greedy(references["adapter-3"], prompt))


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "nowhere", "there is no folder"), (tmp_path, "it has no config.json")):
        with pytest.raises(BadSetting, match=why):
            Engine(path)
    (tmp_path / "config.json").write_text('{"model_type": "qwen3"}')
    with pytest.raises(BadSetting, match="cannot be loaded"):
        Engine(tmp_path)


# --- conversations ---


def talk(*calls: str) -> list[Message]:
    """A system prompt, then a call and its answer for each of ``calls``."""
    told: list[Message] = [{"role": "system", "content": "You act."}, {"role": "user", "content": "Go."}]
    for number, arguments in enumerate(calls):
        function = {"name": "act", "arguments": arguments}
        told.append(
            {"role": "assistant", "content": "I go.", "tool_calls": [{"id": f"{number}", "function": function}]}
        )
        told.append({"role": "tool", "content": "Done.", "tool_call_id": f"{number}"})
    return told


def test_a_reply_keeps_the_ids_it_was_sampled_with(engine: Engine) -> None:
    conversations = Conversations(engine.tokenizer, engine.ends)
    start = conversations.prompt(talk(), [TOOL])
    written = 'I go. <tool_call>{"arguments":{"command":"look"},   "name":"act"}</tool_call>'
    letters = [engine.tokenizer.encode(letter, add_special_tokens=False)[0] for letter in written]
    sampled = [*letters, *engine.ends]
    content, (call,) = read_reply(engine.tokenizer.decode(letters))
    reply = talk(call.arguments)[-2]
    assert (content, call.name, call.arguments) == ("I go.", "act", '{"command": "look"}')
    conversations.remember(start, reply, (*start.ids, *sampled))
    going_on = conversations.prompt(talk('{"command":   "look"}'), [TOOL])
    rest = engine.tokenizer.decode(going_on.ids[len(start.ids) + len(sampled) :])
    assert going_on.ids[: len(start.ids) + len(sampled)] == (*start.ids, *sampled)
    assert rest == "\n<|im_start|>user\n<tool_response>\nDone.\n</tool_response><|im_end|>\n<|im_start|>assistant\n"


def test_a_reply_that_was_cut_off_gets_its_end(engine: Engine) -> None:
    conversations = Conversations(engine.tokenizer, engine.ends)
    start = conversations.prompt(talk())
    sampled = engine.tokenizer.encode("I go and", add_special_tokens=False)
    conversations.remember(start, {"role": "assistant", "content": "I go and"}, (*start.ids, *sampled))
    told = [*talk(), {"role": "assistant", "content": "I go and"}, {"role": "user", "content": "On."}]
    ids = conversations.prompt(told).ids[len(start.ids) + len(sampled) :]
    assert engine.tokenizer.decode(ids).startswith("<|im_end|>\n<|im_start|>user\nOn.")


@pytest.mark.parametrize("change", ["another reply", "another question", "other tools", "arguments"])
def test_another_conversation_is_encoded_afresh(engine: Engine, change: str) -> None:
    conversations = Conversations(engine.tokenizer, engine.ends)
    start = conversations.prompt(talk(), [TOOL])
    told, tools = [{**message} for message in talk('{"command": "look"}')], [TOOL]
    conversations.remember(start, told[2], (*start.ids, 7, 7, 7, *engine.ends))
    match change:
        case "another reply":
            told[2]["content"] = "I stay."
        case "another question":
            told[1]["content"] = "Stay."
        case "other tools":
            tools = [{**TOOL, "function": {"name": "walk"}}]
        case "arguments":
            told[2] = {**talk('{"command": "go"}')[2]}
    made = conversations.prompt(told, tools)
    assert list(made.ids) == engine.tokenizer.encode(made.text, add_special_tokens=False)


def test_a_call_that_was_no_json_is_known_again_in_the_wrapping_it_comes_back_in(engine: Engine) -> None:
    conversations = Conversations(engine.tokenizer, engine.ends)
    start = conversations.prompt(talk())
    _, (call,) = read_reply('I go. <tool_call>{"name": "act", "arguments": {"command": "lo}</tool_call>')
    assert (call.name, call.arguments, call.valid) == ("act", '{"command": "lo', False)
    sampled = [7, 7, 7, *engine.ends]
    conversations.remember(start, talk(call.arguments)[2], (*start.ids, *sampled))
    back = conversations.prompt(talk('{"unreadable": "{\\"command\\": \\"lo"}'))
    assert back.ids[len(start.ids) :][: len(sampled)] == tuple(sampled)


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("Hello.", "Hello.", []),
        ('<tool_call>\n{"name": "a", "arguments": {"x": "é"}}\n</tool_call>', "", [("a", '{"x": "é"}', True)]),
        (
            'Go. <tool_call>{"name": "a"}</tool_call><tool_call>{"name": "b"',
            "Go.",
            [("a", "{}", True), ("b", None, False)],
        ),
        ('<tool_call>{"name": "a", "arguments": "look"}</tool_call>', "", [("a", '"look"', False)]),
        ("<tool_call>look</tool_call>", "", [("", "look", False)]),
        ('<tool_call>["a"]</tool_call>', "", [("", '["a"]', False)]),
        ("<tool_call>", "", [("", "", False)]),
    ],
)
def test_calls_are_read_as_hermes_models_write_them(text: str, content: str, calls: list[Any]) -> None:
    said, made = read_reply(text)
    assert (said, len(made)) == (content, len(calls))
    for call, (name, arguments, valid) in zip(made, calls, strict=True):
        assert (call.name, call.valid) == (name, valid)
        assert arguments is None or call.arguments == arguments
