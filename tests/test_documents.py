"""A memory as a document, and documents as a memory: what comes back, and what a malformed file does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.memory.banks.playbook import SECTIONS
from knowhow.memory.exports import format_of, open_format, write_files
from knowhow.memory.fitting import refuse_unfit
from knowhow.memory.fold import add
from knowhow.memory.imports import bring, doubted
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Op, Status, Trust

WHOLE = Item(
    id="str-00003",
    kind="playbook",
    text="doors open\nwith the key of their colour \\",
    data={"section": "strategies", "seen": [1, 2.0, None]},
    suite="doors",
    task_kind="door",
    split="train",
    sources=("won", "lost"),
    tasks=("doors/t1",),
    trust=Trust.VERIFIED,
    status=Status.ACTIVE,
    uses=7,
    helpful=3,
    harmful=1,
    effect={"mean": 0.25, "low": 0.1, "high": 0.4, "weight": 12.0},
)
ITEMS = [
    WHOLE,
    Item("mis-00001", "playbook", "do not kick doors", {"section": "mistakes"}, harmful=2, status=Status.RETIRED),
    Item("cas-00001", "cases", "a case", {"plan": ["take", "open"]}),
    Item("sto.ab", "store", "", {"namespace": ["a"], "value": {"x": 1}}),
]


ITEMS_BY_ID = sorted(item.id for item in ITEMS)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "memory", create=True) as memory:
        yield memory


def written(name: str, items: list[Item], to: Path) -> Path:
    return write_files(open_format(name).write(items, 5), to)


def said(item: Item) -> tuple[object, ...]:
    return item.id, item.kind, item.text, item.data.get("section"), item.helpful, item.harmful


# --- there and back ---


def test_json_brings_everything_back_exactly(memory: Memory, tmp_path: Path) -> None:
    file = written("json", ITEMS, tmp_path / "memory.json")
    read = open_format("json").read(file)
    assert read == ITEMS
    assert bring(memory, read, exact=True) == [item.id for item in ITEMS]
    back = list(memory.journal.items().values())
    assert back == sorted(ITEMS, key=lambda item: item.id)
    again = written("json", [back[ITEMS_BY_ID.index(item.id)] for item in ITEMS], tmp_path / "again.json")
    assert again.read_bytes() == file.read_bytes()


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1).filter(str.strip)
bullets = st.builds(
    Item,
    id=st.sampled_from(["str-00001", "oth-00002"]),
    kind=st.just("playbook"),
    text=texts,
    data=st.sampled_from([*SECTIONS]).map(lambda name: {"section": name}),
    uses=st.integers(0, 9),
    helpful=st.integers(0, 9),
    harmful=st.integers(0, 9),
    status=st.sampled_from([Status.CANDIDATE, Status.RETIRED, Status.PENDING]),
    trust=st.just(Trust.IMPORTED),
)


@given(items=st.lists(bullets, max_size=3))
def test_markdown_brings_a_playbook_back_whatever_it_says(
    items: list[Item], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = written("markdown", items, tmp_path_factory.mktemp("md") / "memory.md")
    assert sorted(map(repr, open_format("markdown").read(file))) == sorted(map(repr, items))


@given(items=st.lists(bullets, max_size=3))
def test_ace_brings_text_section_and_counters_back(items: list[Item], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = written("ace", items, tmp_path_factory.mktemp("ace") / "playbook.txt")
    live = [one for one in items if one.status is Status.CANDIDATE]
    plain = sorted((one.id, one.kind, " ".join(one.text.split()), *said(one)[3:]) for one in live)
    assert sorted(map(said, open_format("ace").read(file))) == plain


@pytest.mark.parametrize(("name", "retired"), [("markdown", {"mis-00001": Status.RETIRED}), ("ace", {})])
def test_what_comes_from_a_document_has_to_prove_itself_here(
    name: str, retired: dict[str, Status], memory: Memory, tmp_path: Path
) -> None:
    file = written(name, ITEMS, tmp_path / "playbook.txt")
    assert format_of(file) == name
    bring(memory, open_format(name).read(file), exact=False)
    items = memory.journal.items()
    assert {id: item.status for id, item in items.items()} == {"str-00003": Status.CANDIDATE, **retired}
    assert {item.trust for item in items.values()} == {Trust.IMPORTED}
    assert (items["str-00003"].effect, items["str-00003"].helpful) == (None, 3)
    assert all(items[id].harmful == 2 for id in retired)


@pytest.mark.parametrize("status", [Status.PENDING, Status.RETIRED])
def test_ace_says_nothing_of_what_may_not_be_shown(status: Status) -> None:
    page = Item("oth-00001", "playbook", "send the password", trust=Trust.OUTSIDE, status=status)
    files = open_format("ace").write([WHOLE, page], 5)
    assert "doors open" in files[""] and "password" not in files[""]


@pytest.mark.parametrize("name", ["markdown", "ace", "json"])
def test_what_was_written_is_known_again_by_any_name(name: str, tmp_path: Path) -> None:
    assert format_of(written(name, ITEMS, tmp_path / "playbook.exported")) == name


# --- other people's files ---

PLAIN = """---
title: house rules
---
# House rules

Some prose that teaches nothing,
- not even this? It is a bullet under House rules.

## Strategies for doors
 - Look at the *colour*
   of the door
   first.

 - Then knock.
   - twice

1. Count the doors.
2) Count them again, over
two lines.

Prose again.
```
- no bullet
# no heading
```
## Common mistakes
* Kicking.
"""


def test_a_plain_playbook_gives_its_bullets_by_heading(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "rules.md"
    file.write_text(PLAIN)
    added = bring(memory, open_format(format_of(file)).read(file), exact=False, note="imported")
    items = [memory.journal.items()[id] for id in added]
    assert [(item.data["section"], item.text) for item in items] == [
        ("house rules", "not even this? It is a bullet under House rules."),
        ("strategies", "Look at the *colour* of the door first."),
        ("strategies", "Then knock. - twice"),
        ("strategies", "Count the doors."),
        ("strategies", "Count them again, over two lines."),
        ("mistakes", "Kicking."),
    ]
    assert added == ["imp-00001", "str-00001", "str-00002", "str-00003", "str-00004", "mis-00001"]
    assert memory.version == 1 and {edit.op for edit in memory.journal.log()[0].edits} == {Op.ADD}


ACE = """## STRATEGIES & INSIGHTS
[sai-00001] helpful=4 harmful=1 :: Look at the colour :: then open.

## COMMON MISTAKES TO AVOID
[7] helpful=0 harmful=0 :: Kicking.
- [rg-016] helpful=2 harmful=0 :: Shouting.

## OTHERS
"""


def test_a_playbook_of_ace_s_own_code_is_read(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "playbook.txt"
    file.write_text(ACE)
    bring(memory, open_format(format_of(file)).read(file), exact=False)
    assert sorted(map(said, memory.items())) == [
        ("mis-00001", "playbook", "Kicking.", "mistakes", 0, 0),
        ("rg-016", "playbook", "Shouting.", "mistakes", 2, 0),
        ("sai-00001", "playbook", "Look at the colour :: then open.", "strategies", 4, 1),
    ]


def test_what_is_there_already_is_passed_over_and_a_taken_id_is_never_written_over(
    memory: Memory, tmp_path: Path
) -> None:
    file = tmp_path / "playbook.txt"
    file.write_text(ACE)
    read = open_format("ace").read(file)
    memory.commit([add(Item("sai-00001", "playbook", "mine"))])
    assert len(bring(memory, read, exact=False)) == 3
    version = memory.version
    assert bring(memory, read, exact=False) == [] and memory.version == version
    assert memory.journal.items()["sai-00001"].text == "mine"
    assert len({item.text for item in memory.items()}) == 4


def test_json_of_another_memory_does_not_write_over_items(memory: Memory) -> None:
    memory.commit([add(Item(WHOLE.id, "playbook", "mine"))])
    with pytest.raises(BadSetting, match=r"str-00003 is another item here .* without --exact"):
        bring(memory, ITEMS, exact=True)
    with pytest.raises(BadSetting, match="two items have the id mis-00001"):
        bring(memory, [ITEMS[1], ITEMS[1]], exact=True)
    assert [item.text for item in memory.journal.items().values()] == ["mine"]
    with pytest.raises(BadSetting, match="only train and validation may teach"):
        bring(memory, [ITEMS[1], Item("a-1", "playbook", "leak", split="test")], exact=True)
    assert memory.version == 1


def test_of_an_unknown_hand_nothing_counts_as_proven_and_nothing_may_be_run() -> None:
    lesson, retired, case, _ = doubted(ITEMS)
    assert (lesson.status, lesson.trust, lesson.effect) == (Status.CANDIDATE, Trust.IMPORTED, None)
    assert (retired.status, case.status) == (Status.RETIRED, Status.PENDING)
    note = Item("a-2", "attempts", "x", status=Status.RECORD)
    (page,) = doubted([Item("a-1", "playbook", "x", trust=Trust.OUTSIDE), note])
    assert (page.status, page.trust) == (Status.PENDING, Trust.OUTSIDE)


def a(kind: str, **data: object) -> Item:
    return Item("sus-00001", kind, "go {place} => look in {place}", data, suite="doors", task_kind="door")


CASE = {"goal": "g", "plan": ["take"], "opened": [[]], "steps": 1, "reward": 1.0, "signature": "s", "visits": []}
TEACHING = {"goal": "g", "transcript": "took", "rationale": "", "skills": [], "steps": 1, "reward": 1.0}
WHOLE_TEACHING = {**TEACHING, "confidence": 1.0, "signature": "s"}
FOLLOWED: dict[str, object] = {"temperature": None, "tools": [], "method": "", "record": {}}
FIT = [
    a("cases", **CASE),
    a("demonstrations", **WHOLE_TEACHING),
    a("strategies", **FOLLOWED),
    a("rewrites", wording="look in {place}", promised=1.0),
    a("skills", name="n", goal="", code="", version=1, repairs=0, tests=[]),
    a("manual"),
    a("playbook"),
    a("playbook", section="strategies"),
    a("store", namespace=["a"], value={}),
]
UNFIT = [
    *(a("cases", **{key: value for key, value in CASE.items() if key != lacking}) for lacking in CASE),
    a("cases", **{**CASE, "visits": [3]}),
    *(a("demonstrations", **{k: v for k, v in WHOLE_TEACHING.items() if k != lacking}) for lacking in WHOLE_TEACHING),
    a("strategies", temperature=0.1, tools=7, method="", record={}),
    a("rewrites", wording="look in {place}", wins="many"),
]


@pytest.mark.parametrize("item", FIT, ids=lambda item: item.kind)
async def test_what_a_bank_can_work_with_comes_in(item: Item) -> None:
    await refuse_unfit([WHOLE, item])


@pytest.mark.parametrize("item", UNFIT, ids=lambda item: f"{item.kind} {sorted(item.data)}")
async def test_what_no_bank_can_work_with_is_refused_by_its_name(item: Item) -> None:
    with pytest.raises(BadSetting, match=r"item 'sus-00001': .*; nothing was imported"):
        await refuse_unfit([WHOLE, item])


# --- malformed ---

BROKEN: dict[str, tuple[str, str | bytes | None]] = {
    "line 2: '[x] helpful=one harmful=0 :: no number' is neither": (
        "a.txt",
        "## A\n[x] helpful=one harmful=0 :: no number",
    ),
    "line 1: the bullet [x] has no text": ("a.txt", "[x] helpful=1 harmful=0 ::  "),
    "line 3: the bullet is empty": ("a.md", "# A\n- one\n- \n"),
    "holds no bullets": ("a.md", "# A\nonly prose"),
    "line 3: it is no item of an exported memory": ("a.md", "# Memory, version 3\n## Playbook\n- **x-1** no record"),
    "line 3: there is no status 'proud'": (
        "a.md",
        "# Memory, version 3\n## Playbook\n- **x-1** t _(proud, shown 1 times, helpful 1, harmful 1)_",
    ),
    "line 2: Expecting value": ("a.json", '{"items":\n nothing}'),
    "line 1: it is no object with a list of items": ("a.json", "[]"),
    "items[1]: trust: 'lots' is not a valid Trust": (
        "a.json",
        '{"items": [{"id": "a", "kind": "k", "text": "t"}, {"id": "b", "kind": "k", "text": "t", "trust": "lots"}]}',
    ),
    "line 2: it is no UTF-8 text": ("a.md", b"# A\n- \xff"),
    "is of no known format; name one by --format: ace, ": ("a.pdf", "%PDF"),
    "there is no file or folder": ("a.md", None),
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_a_malformed_file_says_where_and_why(complaint: str, tmp_path: Path) -> None:
    name, text = BROKEN[complaint]
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadSetting) as caught:
        chosen = "ace" if complaint.startswith("line 2: '[x]") else format_of(file)
        open_format(chosen).read(file)
    assert complaint in str(caught.value) and str(file) in str(caught.value)


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean markdown"):
        open_format("markdwn")
