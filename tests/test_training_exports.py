"""Training data as files: what other trainers read is what was made, and the card tells how it came about."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chores import episodes
from hypothesis import given, settings
from hypothesis import strategies as st

from knowhow.environments.discover import build, find, names
from knowhow.environments.errors import BadSetting, KnowhowError, UnknownName
from knowhow.training.card import as_markdown, card, data_hash
from knowhow.training.chat import strict
from knowhow.training.examples import all_turns, all_whole, trimmed, whole
from knowhow.training.exports import FORMATS, card_path, export
from knowhow.training.types import Data, Datum, Dropped, Example, Source
from knowhow.training.unaided import all_unaided

FORMS = "knowhow.training.forms"
CASES = [
    ("whole", "trl", {"messages", "tools"}),
    ("turns(cap=1)", "trl", {"prompt", "completion", "tools"}),
    ("pairs", "trl", {"prompt", "chosen", "rejected", "tools"}),
    ("judged(cap=2)", "trl", {"prompt", "completion", "label", "tools"}),
    ("whole", "openai", {"messages", "tools", "parallel_tool_calls"}),
    ("turns(cap=1)", "openai", {"messages", "tools", "parallel_tool_calls"}),
    ("pairs", "openai", {"input", "preferred_output", "non_preferred_output"}),
]


@cache
def formed(form: str) -> Data[Datum]:
    made: Data[Datum] = build(FORMS, form, all_unaided(episodes()).rows)
    return made


def told(row: Datum, name: str) -> dict[str, Any]:
    (record,) = find(FORMATS, name)([row])
    assert not isinstance(record, str), record
    return dict(record)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sources_in(data: Data[Datum]) -> list[str]:
    return [row.source.trajectory for row in data.rows]


def test_every_form_and_format_is_found_by_its_name() -> None:
    assert names(FORMS) == ["judged", "pairs", "turns", "whole"] and names(FORMATS) == ["openai", "trl"]
    for form in names(FORMS):
        assert formed(form).rows


@pytest.mark.parametrize(("form", "name", "columns"), CASES)
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_is_read_back_is_what_was_made(
    form: str, name: str, columns: set[str], ending: str, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "deep" / f"data.{ending}"
    data = formed(form)
    written = export(data, name, path)
    assert written == data  # nothing was left out
    kind = "json" if ending == "jsonl" else "parquet"
    read = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    records = find(FORMATS, name)(data.rows)
    assert set(read.column_names) == columns and list(read) == list(records)
    if ending == "jsonl":
        assert lines(path) == list(records)
    kept = json.loads(card_path(path).read_text())
    assert (kept["rows"], kept["sha256"], kept["format"]) == (len(data.rows), data_hash(data), name)
    assert [row[0]["trajectory"] for row in kept["sources"]] == sources_in(data)
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, card_path(path).name}


@pytest.mark.train
@pytest.mark.parametrize(("form", "name", "columns"), [case for case in CASES if case[1] == "trl"])
def test_trl_takes_it_and_a_chat_template_renders_it(form: str, name: str, columns: set[str]) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    row = formed(form).rows[0]
    record = told(row, name)
    assert data_utils.is_conversational(record)
    shown = data_utils.apply_chat_template(record, _tokenizer(), tools=record["tools"])
    assert set(shown) == (columns - {"tools", "messages"}) | ({"text"} if "messages" in columns else set())
    text = "".join(value for value in shown.values() if isinstance(value, str))
    assert "TOOL act" in text and "Possible commands:" in text
    (last,) = [shown[key] for key in ("text", "completion", "chosen") if key in shown]
    call = _last_call(record)
    assert f"CALL act {json.dumps(call['arguments'])}" in last


def _last_call(record: dict[str, Any]) -> Any:
    messages = record.get("messages") or record.get("completion") or record["chosen"]
    return [message for message in messages if message["role"] == "assistant"][-1]["tool_calls"][0]["function"]


@cache
def _tokenizer() -> Any:
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    )
    made.chat_template = (
        "{% for tool in tools or [] %}TOOL {{ tool.function.name }}\n{% endfor %}"
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}"
        "{% for c in m.tool_calls or [] %} CALL {{ c.function.name }} {{ c.function.arguments | tojson }}{% endfor %}"
        "\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    return made


@pytest.mark.parametrize("form", ["whole", "turns(cap=1)", "pairs"])
def test_openais_own_types_take_it(form: str) -> None:
    chat = pytest.importorskip("openai.types.chat")
    from pydantic import TypeAdapter

    message, tool = TypeAdapter(chat.ChatCompletionMessageParam), TypeAdapter(chat.ChatCompletionToolParam)
    for row in formed(form).rows[:20]:
        record = told(row, "openai")
        asked = record.get("input", record)
        replies = [*record.get("preferred_output", ()), *record.get("non_preferred_output", ())]
        for one in [*asked["messages"], *replies]:
            message.validate_python({key: value for key, value in one.items() if key != "weight"}, strict=True)
        for one in asked["tools"]:
            tool.validate_python(one)
        assert asked["parallel_tool_calls"] is False
        assert [one["role"] for one in replies] == ["assistant"] * len(replies)


def test_openai_gets_a_weight_for_each_reply_and_for_nothing_else_and_ends_with_one_that_counts() -> None:
    trajectory = episodes()[0]
    odd = whole(trajectory, lambda _, step: float(step % 2 == 1 and step < 8))
    messages = told(odd, "openai")["messages"]
    assert [one["weight"] for one in messages if one["role"] == "assistant"] == [0, 1] * 4
    assert all(("weight" in one) == (one["role"] == "assistant") for one in messages)
    assert messages[-1]["role"] == "assistant" and len(messages) < len(trajectory.messages)


def test_every_answer_belongs_to_the_call_before_it() -> None:
    def call(id: object) -> dict[str, Any]:
        return {"id": id, "type": "function", "function": {"name": "act", "arguments": "{}"}}

    messages: list[dict[str, Any]] = [
        {"role": "assistant", "content": "", "tool_calls": [call("same"), call("other")]},
        {"role": "tool", "tool_call_id": "same", "content": "1"},
        {"role": "tool", "tool_call_id": "other", "content": "2"},
        {"role": "assistant", "content": "", "tool_calls": [call("same")]},
        {"role": "tool", "tool_call_id": "same", "content": "3"},
        {"role": "assistant", "content": "unreadable call"},
        {"role": "tool", "tool_call_id": "x1", "content": "make it again"},
        {"role": "assistant", "content": "", "tool_calls": [call(None)]},
    ]
    made = strict(messages)
    ids = [one["id"] for message in made for one in message.get("tool_calls", ())]
    assert len(set(ids)) == len(ids) == 4 and all(isinstance(id, str) for id in ids)
    answers = [(message["tool_call_id"], message["content"]) for message in made if message["role"] == "tool"]
    assert answers == [(ids[0], "1"), (ids[1], "2"), (ids[2], "3")]
    assert made[6] == {"role": "user", "content": "make it again"}
    assert [message["role"] for message in messages].count("tool") == 4  # the given ones are left as they are


def test_what_a_format_cannot_say_is_left_out_and_told(tmp_path: Path) -> None:
    def cut(place: int, least: int, weight: float) -> Example:
        return whole(episodes()[place], lambda _, step: weight * (step >= least))

    plain, masked, half = cut(0, 0, 1.0), cut(1, 3, 1.0), cut(2, 0, 0.5)
    data: Data[Datum] = Data((plain, masked, half), (Dropped("for a test", 2),))
    written = export(data, "trl", tmp_path / "trl.jsonl")
    assert written.rows == (plain,) and len(lines(tmp_path / "trl.jsonl")) == 1
    assert [(one.count, "--form turns" in one.why) for one in written.dropped] == [(2, False), (2, True)]
    written = export(data, "openai", tmp_path / "openai.jsonl")
    assert written.rows == (plain, masked) and written.dropped[-1].count == 1
    with pytest.raises(BadSetting, match="24 rows: OpenAI's formats have none for single judged replies"):
        export(formed("judged(cap=1)"), "openai", tmp_path / "none.jsonl")
    assert not (tmp_path / "none.jsonl").exists()


def test_nothing_comes_after_the_last_reply_that_counts() -> None:
    example = whole(episodes()[0], lambda _, step: float(step == 2))
    short = trimmed(example)
    assert (
        short.weights[-1] == 1 and sum(short.weights) == 1 and short.messages == example.messages[: len(short.weights)]
    )
    assert trimmed(short) == short and trimmed(whole(episodes()[0], lambda _, step: 0.0)).messages == ()


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=25)
@given(calls=st.lists(st.dictionaries(st.text(max_size=3), VALUES, max_size=3), min_size=1, max_size=4))
def test_arguments_of_every_shape_survive_parquet(
    tmp_path_factory: pytest.TempPathFactory, calls: list[dict[str, Any]]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path_factory.mktemp("shapes") / "data.parquet"
    data: Data[Datum] = Data(tuple(_calling(number, arguments) for number, arguments in enumerate(calls)))
    export(data, "trl", path)
    table = parquet.read_table(path).to_pydict()
    completions = [json.loads(completion[0]) for completion in table["completion"]]
    assert [one["tool_calls"][0]["function"]["arguments"] for one in completions] == calls
    assert [json.loads(tools[0])["function"]["name"] for tools in table["tools"]] == [
        f"t{n}" for n in range(len(calls))
    ]


def _calling(number: int, arguments: dict[str, Any]) -> Example:
    function = {"name": f"t{number}", "arguments": json.dumps(arguments)}
    call = {"id": "1", "type": "function", "function": function}
    messages = ({"role": "user", "content": "go"}, {"role": "assistant", "content": "", "tool_calls": [call]})
    source = Source(str(number), "s", "t", "k", "train", 1.0)
    return Example(messages, (0.0, 1.0), source, ({"type": "function", "function": {"name": f"t{number}"}},))


# --- files ---


@contextmanager
def full_disk(bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(ending: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / f"data.{ending}"
    path.write_text("what was there")
    with full_disk(2_000), pytest.raises(KnowhowError, match=f"cannot write .*data.{ending}: ") as full:
        export(formed("whole"), "trl", path)
    assert "\n" not in str(full.value) and "--out" in str(full.value)
    assert path.read_text() == "what was there" and [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_that_cannot_be_is_said_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"ends in \.csv.*\.jsonl or \.parquet"):
        export(formed("whole"), "trl", tmp_path / "data.csv")
    with pytest.raises(UnknownName, match=r"no format 'openia'; did you mean openai"):
        export(formed("whole"), "openia", tmp_path / "data.jsonl")
    (tmp_path / "taken").write_text("")
    with pytest.raises(KnowhowError, match="cannot write"):
        export(formed("whole"), "trl", tmp_path / "taken" / "data.jsonl")
    with pytest.raises(BadSetting, match=r"nothing to write.*3 rows: a reason"):
        export(Data((), (Dropped("a reason", 3),)), "trl", tmp_path / "data.jsonl")
    assert [entry.name for entry in tmp_path.iterdir()] == ["taken"]


# --- the card ---


def test_the_card_counts_what_is_there() -> None:
    some = episodes()[:2] + episodes()[-2:]
    data = Data[Datum](all_whole(some).rows, (Dropped("too long", 3, "episodes"),))
    told = card(data, count_tokens=lambda messages: len(messages))
    assert (told["rows"], told["episodes"], told["successes"], told["mean_reward"]) == (4, 4, 2, 0.5)
    assert told["replies"] == {"counting": sum(len(one.steps) for one in some), "masked": 0}
    assert told["memory_versions"] == {"0": 2, "1": 2} and told["splits"] == {"train": 4}
    lengths = sorted(len(one.messages) for one in some)
    spread = {"min": lengths[0], "median": lengths[1], "p95": lengths[3], "max": lengths[3], "total": sum(lengths)}
    assert told["messages"] == told["tokens"] == spread
    text = as_markdown(told)
    assert "- 3 episodes: too long" in text and told["sha256"] in text and "household 4" in text
    assert json.loads(json.dumps(told)) == told
    turns = card(Data(all_turns(some).rows))
    assert turns["rows"] == turns["replies"]["counting"] == told["replies"]["counting"]
    judged = card(formed("judged(cap=2)"))
    assert judged["replies"]["good"] == judged["replies"]["bad"] == judged["rows"] / 2
    assert card(Data(())) == card(Data(())) and as_markdown(card(Data(()))).endswith("- nothing\n")


def test_the_hash_is_of_all_that_is_in_the_rows_and_of_their_order() -> None:
    rows = all_whole(episodes()[:3]).rows
    changed = (replace(rows[0], weights=(*rows[0].weights[:-2], 0.5, 0.0)), *rows[1:])
    hashes = [data_hash(Data(some)) for some in (rows, rows[::-1], rows[:2], changed)]
    assert len(set(hashes)) == 4 and data_hash(Data(rows, (Dropped("x", 1),))) == hashes[0]
