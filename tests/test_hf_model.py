"""Models of the scheme ``hf``: a folder becomes a chat model, with its tools, its tokens and its errors."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from runs import HUT
from tiny_model import alone, greedy, tiny_adapter, tiny_model

from knowhow.agents.episode import Agent, play
from knowhow.agents.local import chat
from knowhow.agents.local.chat_model import LocalChat
from knowhow.agents.local.types import LORA
from knowhow.agents.local.weights import MARK, mark_base, weights_hash
from knowhow.agents.model import Model, load_model
from knowhow.agents.samples import KEY, unfolded
from knowhow.agents.types import Start, Turn
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, MissingExtra
from knowhow.environments.types import StopReason

pytestmark = pytest.mark.train

MESSAGES = (SystemMessage("You act."), HumanMessage("Put a mug on the desk."))
TOOL = {
    "type": "function",
    "function": {
        "name": "act",
        "description": "Act.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    base = tiny_model(root / "base")
    for seed in (1, 2):
        tiny_adapter(root / "adapters" / f"v{seed}", base, seed=seed)
    return base


def turn(*messages: BaseMessage, **how: Any) -> Turn:
    return Turn((*MESSAGES, *messages), (TOOL,), **how)


def local(model: Model) -> LocalChat:
    opened = model._reopen()
    assert isinstance(opened, LocalChat)
    return opened


async def test_a_reply_tells_its_tokens_and_what_they_cost(base: Path) -> None:
    model = load_model(f"hf:{base}?max_tokens=9")
    reply = await model(turn(seed=3))
    told, counted = reply.response_metadata[KEY], reply.usage_metadata
    assert counted is not None and told["model"] == str(base)
    assert (counted["input_tokens"], counted["output_tokens"]) == (len(told["prompt"]), len(told["tokens"]))
    assert len(told["tokens"]) == len(told["logprobs"]) <= 9 and max(told["logprobs"]) <= 0
    text = local(model).chat.engine.tokenizer.decode(told["prompt"])
    assert text.startswith("<|im_start|>system\nYou act.\n\n# Tools") and text.endswith("<|im_start|>assistant\n")
    assert '"name": "act"' in text
    total = model.meter.total
    assert (total.calls, total.prompt_tokens, total.completion_tokens) == (1, len(told["prompt"]), len(told["tokens"]))
    assert (total.cost_usd, model.price_known, model.tokens_estimated) == (0.0, True, False)
    again = await model(turn(seed=3))
    assert again.response_metadata[KEY]["tokens"] == told["tokens"]
    assert model.meter.total.cached_tokens == len(told["prompt"]) - 1  # all but the last is known by now


async def test_seed_temperature_and_the_options_of_the_uri_are_honoured(base: Path) -> None:
    model, cold = load_model(f"hf:{base}?max_tokens=9"), load_model(f"hf:{base}?temperature=0&max_tokens=4")

    async def tokens(model: Model, **how: Any) -> list[int]:
        made: list[int] = (await model(turn(**how))).response_metadata[KEY]["tokens"]
        return made

    assert await tokens(model, seed=1) != await tokens(model, seed=2)
    assert await tokens(cold, seed=1) == await tokens(cold, seed=2) == (await tokens(model, temperature=0.0))[:4]
    assert await tokens(cold, seed=1, temperature=2.0) != await tokens(cold, seed=2, temperature=2.0)


async def test_a_base_is_loaded_once_with_all_its_adapters(base: Path) -> None:
    uris = [f"hf:{base}", f"hf:{base}@adapters/v1", f"hf:{base}@{base.parent}/adapters/v1", f"hf:{base}@adapters/v2"]
    models = [load_model(f"{uri}?temperature=0&max_tokens=12") for uri in uris]
    chats = [local(model) for model in models]
    assert len({id(one.chat.engine) for one in chats}) == 1
    assert len(chats[0].chat.engine.adapters) == 2
    replies = await asyncio.gather(*(model(turn()) for model in models))
    plain, first, same, second = [reply.response_metadata[KEY]["tokens"] for reply in replies]
    assert first == same and len({tuple(one) for one in (plain, first, second)}) == 3
    assert replies[1].response_metadata[KEY]["model"] == f"{base}@adapters/v1"


async def test_an_adapter_that_was_trained_anew_in_the_same_folder_is_another_one(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base.parent / "adapters/v1", tmp_path / "v")
    uri = f"hf:{base}@{tmp_path}/v?temperature=0&max_tokens=12"
    before = (await load_model(uri)(turn())).response_metadata[KEY]["tokens"]
    shutil.rmtree(tmp_path / "v")
    tiny_adapter(tmp_path / "v", base, seed=2)
    after = (await load_model(uri)(turn())).response_metadata[KEY]["tokens"]
    fresh = (await load_model(f"hf:{base}@adapters/v2?temperature=0&max_tokens=12")(turn())).response_metadata[KEY]
    assert before != after == fresh["tokens"]


@pytest.mark.parametrize("mark", ["of another base", "{}"])
async def test_an_adapter_that_was_trained_on_another_base_is_refused(mark: str, base: Path, tmp_path: Path) -> None:
    adapter = Path(shutil.copytree(base.parent / "adapters/v1", tmp_path / "v"))
    mark_base(adapter, weights_hash(base))
    load_model(f"hf:{base}@{adapter}")
    other = Path(shutil.copytree(base.parent / "adapters/v1", tmp_path / "other"))
    (other / MARK).write_text(mark) if mark == "{}" else mark_base(other, mark)
    with pytest.raises(BadSetting, match="cannot be read" if mark == "{}" else "was trained on another base than"):
        load_model(f"hf:{base}@{other}")


async def test_adapters_of_another_kind_stand_beside(base: Path) -> None:
    from peft import IA3Config

    kind = IA3Config(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"])
    adapter = tiny_adapter(base.parent / "adapters/ia3", base, seed=5, config=kind)
    models = [load_model(f"hf:{base}{at}?temperature=0&max_tokens=12") for at in ("@adapters/v1", "@adapters/ia3", "")]
    replies = await asyncio.gather(*(model(turn()) for model in models))
    told = [reply.response_metadata[KEY] for reply in replies]
    assert len({tuple(one["tokens"]) for one in told}) == 3
    assert told[1]["tokens"] == greedy(alone(base, adapter)["ia3"], told[1]["prompt"], 12)[0]


async def test_a_choice_of_tools_is_kept(base: Path) -> None:
    chat = local(load_model(f"hf:{base}?temperature=0&max_tokens=5"))
    for choice, ending in (("any", "<tool_call>\n"), ("act", '<tool_call>\n{"name": "act", "arguments":')):
        reply = await chat.bind_tools([TOOL], tool_choice=choice).ainvoke(list(MESSAGES))
        assert chat.chat.engine.tokenizer.decode(reply.response_metadata[KEY]["prompt"]).endswith(
            f"assistant\n{ending}"
        )
        assert len(reply.tool_calls) + len(reply.invalid_tool_calls) == 1 and reply.content == ""
    with pytest.raises(BadSetting, match="tool_choice='walk'"):
        await chat.bind_tools([TOOL], tool_choice="walk").ainvoke(list(MESSAGES))


def test_a_model_that_nobody_holds_is_let_go(base: Path, tmp_path: Path) -> None:
    lonely = shutil.copytree(base, tmp_path / "lonely")
    model = load_model(f"hf:{lonely}?max_tokens=2")
    for _ in range(2):  # in event loops of its own each time
        asyncio.run(model(turn()))
    assert [thread.name for thread in threading.enumerate()].count("engine lonely") == 1
    del model
    gc.collect()
    assert "engine lonely" not in [thread.name for thread in threading.enumerate()]
    assert (lonely.resolve(), LORA) not in chat._CHATS


def test_it_is_spoken_to_without_an_event_loop_too(base: Path) -> None:
    bound = local(load_model(f"hf:{base}?temperature=0&max_tokens=5")).bind_tools([TOOL])
    reply = bound.invoke(list(MESSAGES))
    assert isinstance(reply, AIMessage) and len(reply.response_metadata[KEY]["tokens"]) == 5
    assert bound.invoke(list(MESSAGES), max_tokens=2).response_metadata["finish_reason"] == "length"


async def test_what_an_episode_keeps_unfolds_to_the_very_ids_of_every_prompt_and_reply(base: Path) -> None:
    model = load_model(f"hf:{base}?max_tokens=12")
    seen: list[dict[str, Any]] = []

    async def decide(turn: Turn) -> AIMessage:
        """The model's tokens, and a call as if it had made one: random weights make none."""
        reply = await model(turn)
        seen.append(reply.response_metadata[KEY])
        return reply

    suite = build("knowhow.environments.suites", HUT)
    task = suite.tasks("train")[0]
    trajectory = await play(suite, Agent(decide, model.meter))(task, Start(seed=1))
    assert trajectory.stop is StopReason.NO_CALL and len(trajectory.samples) == 3
    assert [(prompt, [*sample.tokens]) for prompt, sample in filter(None, unfolded(trajectory.samples))] == [
        (one["prompt"], one["tokens"]) for one in seen
    ]
    for one, sample in zip(seen, trajectory.samples[1:], strict=False):
        assert sample is not None and sample.kept == len(one["prompt"]) + len(one["tokens"])


async def test_a_conversation_goes_on_with_calls_that_were_made_and_calls_that_could_not_be_read(base: Path) -> None:
    model = load_model(f"hf:{base}?max_tokens=5")
    made = AIMessage("I look.", tool_calls=[{"name": "act", "args": {"command": "look"}, "id": "1"}])
    broken = AIMessage(
        "", invalid_tool_calls=[{"name": "act", "args": '{"comm', "id": "2", "error": "", "type": "invalid_tool_call"}]
    )
    answers = [ToolMessage("A desk.", tool_call_id="1"), ToolMessage("Unreadable.", tool_call_id="2")]
    reply = await model(turn(made, answers[0], broken, answers[1]))
    text = local(model).chat.engine.tokenizer.decode(reply.response_metadata[KEY]["prompt"])
    assert '<tool_call>\n{"name": "act", "arguments": {"command": "look"}}\n</tool_call><|im_end|>' in text
    assert '{"name": "act", "arguments": {"unreadable": "{\\"comm"}}' in text


async def test_a_prompt_beyond_the_window_is_an_error_that_names_both_numbers(base: Path) -> None:
    suite = build("knowhow.environments.suites", HUT)
    model = load_model(f"hf:{base}")

    async def decide(turn: Turn) -> AIMessage:
        return await model(Turn((*turn.messages, HumanMessage("look " * 9000)), turn.tools))

    trajectory = await play(suite, Agent(decide, model.meter))(suite.tasks("train")[0], Start())
    assert trajectory.stop is StopReason.ERROR
    assert "and the context window of base has 4,096 for prompt and reply" in trajectory.error


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("hf:{base}/nowhere", "there is no folder .*nowhere"),
        ("hf:", "names no folder; write hf:PATH or hf:PATH@ADAPTER"),
        ("hf:{base}@nowhere", "there is no adapter nowhere, neither as given nor at"),
        ("hf:{base}@{base}", "is no adapter: it has no adapter_config.json"),
        ("hf:{base}?top_k=3", "there is no option 'top_k' of local models"),
        ("hf:{base}?max_tokens=0", "max_tokens=0 is out of its range"),
        ("hf:{base}?top_p=high", "top_p=high is no float"),
        ("hf:{base}?temperature=nan", "out of its range"),
    ],
)
def test_bad_settings_are_told_in_one_line(base: Path, uri: str, why: str) -> None:
    with pytest.raises(BadSetting, match=why) as caught:
        load_model(uri.format(base=base))
    assert "\n" not in str(caught.value)


def test_without_its_packages_it_says_what_to_install(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("knowhow.agents.local.engine.find_spec", lambda name: None if name == "torch" else real(name))
    shutil.copytree(base, base.parent / "other")
    with pytest.raises(MissingExtra, match=r"need torch; run: pip install 'knowhow-agents\[train\]'"):
        load_model(f"hf:{base.parent}/other")
