"""The report: one file that tells a run's figures, memory and episodes, whatever the texts in them hold."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowhow.environments.errors import BadSetting, KnowhowError, MemoryDamaged
from knowhow.environments.types import Feedback, Split, Step, StopReason, Task, ToolCall, Trajectory, Usage
from knowhow.evals.folder import RunFolder, write_json
from knowhow.evals.learn import start
from knowhow.evals.report import write_report
from knowhow.evals.reporting.embedded import LONGEST_TEXT, gather, unpack
from knowhow.evals.reporting.figures import Rate
from knowhow.evals.reporting.plain import plain
from knowhow.evals.reporting.versions import deltas, graveyard, history, worded
from knowhow.evals.reporting.words import headline, percent, sentences
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.stats import Tried, difference, wilson
from knowhow.evals.summary import summarise
from knowhow.evals.watch import Silent
from knowhow.memory.episodes import Summary
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.types import Edit, Item, Op, Status, Trust

HOSTILE = "</script><script>document.documentElement.dataset.ran = 'yes'</script><img src=x onerror=alert(1)>"
VOID = {"meta", "input", "line", "rect", "circle", "path", "br"}
RESULTS = ("before", "after", "withheld")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


class Page(HTMLParser):
    """A page as a browser's parser sees it: every element with its attributes and all the text inside it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.elements, self._open = html, list[Element](), list[Element]()
        self.feed(html)
        self.close()
        assert [element.tag for element in self._open] == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert tag in VOID or self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [one for one in self.elements if one.tag == tag and wanted.items() <= one.attributes.items()]

    def id(self, id: str) -> Element:
        (found,) = (element for element in self.elements if element.attributes.get("id") == id)
        return found

    @property
    def data(self) -> dict[str, Any]:
        unpacked: dict[str, Any] = unpack(self.id("data").text)
        return unpacked

    def table(self, section: str) -> dict[str, list[str]]:
        """The rows of a section's first table, by the name in their first cell."""
        html = self.html[self.html.index(f'id="{section}"') :]
        rows = re.findall("<tr>(.*?)</tr>", html[: html.index("</table>")], re.DOTALL)
        cells = ([re.sub("<[^>]+>", "", cell) for cell in re.findall("<t[hd].*?>(.*?)</t[hd]>", row)] for row in rows)
        return {first: rest for first, *rest in cells}


def page(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def episode(id: str, *, task: str = "t1", kind: str = "clean", won: bool = True, split: Split = "validation",
            **fields: Any) -> Trajectory:  # fmt: skip
    """A short episode of a text world; ``fields`` go before what is told here."""
    steps = (
        Step(
            ToolCall("act", {"command": "go to sinkbasin 1"}), Feedback("You see a mug 1."), "To the sink. [str-00001]"
        ),
        Step(ToolCall("act", {"command": "take mug 1"}), Feedback("Done.", float(won), terminated=won), "I take it."),
    )
    told: dict[str, Any] = {
        "first": Feedback("A room.", commands=("look",)), "steps": steps, "reward": float(won), "model": "novice",
        "stop": StopReason.TERMINATED if won else StopReason.MAX_STEPS, "usage": Usage(2, 100, 0, 10, 0.001),
    }  # fmt: skip
    return Trajectory(id=id, task=Task(task, "household", split, kind, f"clean {task}"), seed=7, **{**told, **fields})


def phase(name: str, wins: Sequence[bool], round: int = 0, **fields: Any) -> list[tuple[str, int, int, Trajectory]]:
    """Episodes of a phase, kinds in turn; a task is named after its place, the same in all phases but training."""
    own: Split = "train" if name == "train" else "validation"
    kinds = ("clean", "heat", "put")
    return [
        (name, round, index, episode(f"{name}{round}-{index}", task=f"{own}-{round if own == 'train' else 0}-{index}",
                                     kind=kinds[index % 3], won=won, split=own, **fields))
        for index, won in enumerate(wins)
    ]  # fmt: skip


LESSON = Item("str-00001", "playbook", "Rinse at the `sinkbasin`.", {"section": "strategies"}, "household", "clean",
              "train", ("train1-0",), trust=Trust.VERIFIED)  # fmt: skip
GONE = Item("mec-00001", "playbook", "Open the fridge twice.", {"section": "mechanics"}, sources=("train1-1",))
ROUND_1 = [add(LESSON, "seen twice"), add(GONE)]
ROUND_2 = [
    Edit(Op.COUNT, LESSON.id, {"uses": 4, "helpful": 3, "harmful": 1}),
    Edit(Op.SET, LESSON.id, {"text": "Rinse twice at the `sinkbasin`."}, "it was not enough"),
    Edit(Op.REMOVE, GONE.id, {}, "it never helped"),
]
EPISODES = [
    *phase("before", [True, False, False, False, False, False]),
    *phase("validation", [False] * 6),
    *phase("train", [False, True, False, False], 1),
    *phase("validation", [True, True, True, False, False, False], 1, memory_version=1),
    *phase("train", [True, True, True, False], 2, memory_version=1, shown=("str-00001",), cited=("str-00001",)),
    *phase("validation", [True, True, False, False, False, False], 2, memory_version=2),
    *phase("after", [True, True, True, True, True, True], memory_version=2, shown=("str-00001",), cited=("str-00001",)),
    *phase("withheld", [True, False, False, False, False, False], memory_version=2, withheld=("str-00001",)),
]
ROUNDS = [
    {"round": 1, "train_success": 0.25, "validation_success": 0.5, "edits": 2, "kept": True, "memory_version": 1},
    {"round": 2, "train_success": 0.75, "validation_success": 1 / 3, "edits": 3, "kept": False, "memory_version": 2},
]


def evolved(
    path: Path,
    episodes: Sequence[tuple[str, int, int, Trajectory]] = EPISODES,
    batches: Sequence[Sequence[Edit]] = (ROUND_1, ROUND_2),
    rounds: Sequence[dict[str, Any]] | None = ROUNDS,
) -> Path:
    """A run folder of ``knowhow evolve`` with these episodes and edits; without rounds, one that is not finished."""
    settings = Settings(split="train", memory="playbook", episodes=8, rounds=2, validation=6)
    with RunFolder.create(path, "evolve", settings) as folder:
        for name, round, index, one in episodes:
            folder.episodes.put(one, phase=name, round=round, index=index)
        folder.save_spent(sum((one.usage for *_, one in episodes), Usage(10, 1000, 0, 50, 0.5)))
    with Journal.open(path / "journal.db", create=True) as journal:
        for number, edits in enumerate(batches, 1):
            journal.commit(edits, note=f"round {number}", key=f"update/{number}")
    if rounds is not None:
        told = {name: [one for phase, *_, one in episodes if phase == name] for name in RESULTS}
        about = {"suite": "household", "split": "validation", "model": "novice", "memory_version": 2, "seconds": 1.0}
        results = {name: summarise(ones, **about) for name, ones in told.items()}  # type: ignore[arg-type]
        write_json(path / "result.json", {"run": str(path), "rounds": rounds, "memory_version": 2, **results})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evolved(tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture(scope="module")
def made(folder: Path) -> Page:
    return page(folder)


def test_the_page_is_one_file_that_fetches_nothing_and_runs_its_own_script_alone(made: Page) -> None:
    assert {
        one.attributes[name] for one in made.elements for name in ("src", "srcset", "action") if name in one.attributes
    } == set()
    assert all(link.attributes["href"].startswith("#") for link in made.elements if "href" in link.attributes)
    assert {one.tag for one in made.elements} & {"link", "iframe", "img", "object", "embed", "base"} == set()
    (style,) = made.all("style")
    assert "url(" not in style.text and "@import" not in style.text
    data, script = made.all("script")
    assert data.attributes["type"] == "application/octet-stream" and script.attributes == {}
    (policy,) = made.all("meta", **{"http-equiv": "Content-Security-Policy"})
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy.attributes["content"]
    assert policy.attributes["content"].startswith("default-src 'none';")


def test_every_link_inside_the_page_leads_somewhere(made: Page) -> None:
    ids = {one.attributes["id"] for one in made.elements if "id" in one.attributes}
    ids |= {f"episode-{one['id']}" for one in made.data["episodes"]} | {"cites-str-00001"}
    assert {link.attributes["href"][1:] for link in made.all("a")} - ids == set()


def test_the_headline_goes_from_before_to_after_and_the_control_says_where_it_comes_from(made: Page) -> None:
    (title,) = made.all("h1")
    assert title.text == "From 17% to 100% on validation tasks"
    assert [one.text for one in made.all("p", class_="big")] == ["17%", "100%", "17%"]
    low, high = wilson(6, 6)
    lead = " ".join(one.text for one in made.all("p", class_="lead"))
    assert f"solved 6 of 6 tasks: 100% (95% interval {100 * low:.0f} to {100 * high:.0f}%)" in lead
    assert "5 of 6 were newly solved and 0 lost" in lead
    assert "With the memory withheld, success is 17%, as it was before: what was gained comes from the memory." in lead
    assert made.all("p", class_="note") == []


def test_settings_cost_and_tokens_are_told_by_phase_and_reflection_is_what_remains(made: Page) -> None:
    settings = {one.text for one in made.all("dt")}
    assert {"suite", "model", "rounds", "mode", "knowhow"} <= settings and "budget usd" not in settings
    table = made.table("run")
    assert table["train"] == ["8", "50%", "22 to 78%", "2.0", "0", "16", "800", "0", "80", "$0.0080"]
    assert table["reflection *"][-5:] == ["10", "1,000", "0", "50", "$0.50"]
    assert table["all"][-5:] == ["98", "5,400", "0", "490", "$0.54"]


def test_rounds_show_success_with_intervals_and_what_was_decided(made: Page) -> None:
    table = made.table("learning")
    assert table["start"] == ["", "", "0%", "0 to 39%", "", "", ""]
    assert table["1"] == ["25%", "5 to 70%", "50%", "19 to 81%", "2", "1", "kept"]
    assert table["2"] == ["75%", "30 to 95%", "33%", "10 to 70%", "3", "2", "rolled back"]
    (curve,) = made.all("svg", class_="curve")
    assert "Round 2. Training: 75% (3 of 4; 95% interval 30 to 95%). Validation: 33%" in curve.text
    points = [one for one in made.elements if one.tag == "line" and one.attributes.get("class") == "whisker"]
    assert len(points) == 5, "a bar for every interval: three of validation, two of training"


def test_a_point_stands_where_its_rate_is_and_its_bar_where_the_interval_is(made: Page) -> None:
    html = made.html[made.html.index('class="curve"') :]
    found = re.search(r'x="50.0%" y="([\d.]+)"><title>Round 1. train: 25%.*?y1="([-\d.]+)" y2="([-\d.]+)"', html, re.S)
    assert found
    y, top, bottom = map(float, found.groups())
    low, high = wilson(1, 4)
    assert (y, y + top, y + bottom) == pytest.approx((180, 240 * (1 - high), 240 * (1 - low)))


def test_task_kinds_show_before_and_after(made: Page) -> None:
    labels = [one.attributes["aria-label"] for one in made.all("svg", class_="kind", role="img")]
    charts = {label.split(".")[0]: label for label in labels}
    assert list(charts) == ["clean", "heat", "put"]
    assert (
        "before: 50% (1 of 2; 95% interval 9 to 91%). after: 100% (2 of 2; 95% interval 34 to 100%)" in charts["clean"]
    )


def test_an_item_shows_its_text_counters_standing_and_sources(made: Page) -> None:
    text = " ".join(made.id("item-str-00001").text.split())
    assert text.startswith("Rinse twice at the sinkbasin. str-00001 candidate verified clean from train1-0")
    assert text.endswith("uses4 helpful3 harmful1 cited10")
    assert made.all("a", href="#episode-train1-0"), "its source is an episode of this page"
    assert made.all("a", href="#cites-str-00001")[0].attributes["title"] == "9 of these 10 episodes were solved"
    assert "Open the fridge twice.mec-00001 removed in version 2: it never helped" in " ".join(
        made.id("item-mec-00001").text.split()
    )


def test_what_changed_is_told_by_version_word_by_word(made: Page) -> None:
    second, first = (one for one in made.all("details") if one.attributes["class"] == "version")
    assert [one.split()[:3] for one in (second.text, first.text)] == [["2", "round", "2"], ["1", "round", "1"]]
    new, old = ({one.text for one in made.all(tag)} for tag in ("ins", "del"))
    assert {" twice", "Rinse at the sinkbasin."} <= new and "Open the fridge twice." in old
    assert "it was not enough" in second.text and "seen twice" in first.text


def test_an_episode_is_embedded_step_by_step(made: Page) -> None:
    told = {one["id"]: one for one in made.data["episodes"]}
    assert len(told) == len(EPISODES)
    one = told["after0-1"]
    assert one["steps"] == [
        ["go to sinkbasin 1", "You see a mug 1.", "To the sink. [str-00001]", 0.0],
        ["take mug 1", "Done.", "I take it.", 1.0],
    ]
    assert (one["first"], one["goal"], one["kind"], one["outcome"]) == (
        "A room.",
        "clean validation-0-1",
        "heat",
        "solved",
    )
    assert (one["shown"], one["cited"], one["version"]) == (["str-00001"], ["str-00001"], 2)


def test_a_call_without_a_text_world_is_written_out_and_one_that_never_came_is_none(tmp_path: Path) -> None:
    steps = (
        Step(ToolCall("click", {"ref": "e1"}), Feedback("ok")),
        Step(None, Feedback("Your reply held no tool call.")),
    )
    whole = replace(episode("e"), first=Feedback("A page."), steps=steps)
    (told,) = gather([Summary.of(whole, phase="run", round=0, index=0)], (), 1, lambda id: whole)
    assert [step[0] for step in told["steps"]] == ['click(ref="e1")', None]


def test_an_unfinished_run_says_so_and_shows_what_there_is(tmp_path: Path) -> None:
    some = [one for one in EPISODES if one[0] in ("before", "train", "validation") and one[1] < 2]
    made = page(evolved(tmp_path / "r", [*some, *phase("train", [True], 2)], [ROUND_1], rounds=None))
    assert made.all("h1")[0].text == "0% at the start, 50% after round 1, and not finished"
    (note,) = made.all("p", class_="note")
    assert "stands at train, round 2 of 2, after 23 episodes" in note.text
    assert f"knowhow evolve --resume {tmp_path / 'r'}" in note.text
    assert made.table("learning")["1"][-3:] == ["2", "1", "kept"]
    assert made.table("learning")["2"][-1] == "not yet"
    assert made.id("item-str-00001")


class Impatient(Silent):
    """Interrupts a run before it reflects on its second round."""

    def phase(self, name: str, total: int, done: int = 0) -> None:
        if name == "reflect 2":
            raise KeyboardInterrupt


def test_a_real_evolution_that_was_interrupted_tells_of_the_rounds_that_were_decided(tmp_path: Path) -> None:
    settings = Settings(split="train", memory="playbook", episodes=8, rounds=2, validation=2, concurrency=4)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(start(settings, tmp_path / "r", Impatient()))
    made = page(tmp_path / "r")
    with Journal.open(tmp_path / "r" / "journal.db") as journal:
        (batch, *_), items = journal.log(), journal.items()
    edits, version, decision = made.table("learning")["1"][-3:]
    assert (edits, int(version) >= 1, decision in ("kept", "rolled back")) == (str(len(batch.edits)), True, True)
    assert made.table("learning")["2"][-1] == "not yet"
    assert (
        "This run is not finished: it stands at train, round 2 of 2, after 14 episodes"
        in made.all("p", class_="note")[0].text
    )
    assert all(made.id(f"item-{id}") for id in items) and made.table("run")["train"][0] == "8"


def test_a_rollback_that_no_result_tells_of_yet_is_read_from_the_journal(tmp_path: Path) -> None:
    folder = evolved(tmp_path / "r", [one for one in EPISODES if one[0] != "after"], [ROUND_1, ROUND_2], rounds=None)
    with Journal.open(folder / "journal.db") as journal:
        journal.rollback(1, note="round 2 did worse on validation", key="rollback/2")
    made = page(folder)
    assert made.table("learning")["2"][-3:] == ["3", "3", "rolled back"]
    assert "Open the fridge twice." in made.id("item-mec-00001").text


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_without_episodes_or_memory_has_a_page(tmp_path: Path, finished: bool) -> None:
    made = page(evolved(tmp_path / "r", [], [], rounds=[] if finished else None))
    assert made.all("h1")[0].text == "No episode has ended yet"
    assert [one.text for one in made.all("p", class_="empty")] == [
        "No episode has ended yet.", "Memory is empty.", "No episode has ended yet."
    ]  # fmt: skip
    assert made.data == {"episodes": [], "versions": []}


def test_a_folder_where_nothing_was_learned_yet_needs_no_journal(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "r", "evolve", Settings(memory="playbook", split="train")):
        pass
    assert "Nothing was written to memory yet." in page(tmp_path / "r").id("memory").text


def test_a_real_run_of_a_suite_is_reported_with_the_figures_of_its_result(tmp_path: Path) -> None:
    result = asyncio.run(run(Settings(episodes=3), tmp_path / "r"))
    made = page(tmp_path / "r")
    assert made.all("h1")[0].text == f"{percent(result['success_rate'])} of 3 validation tasks solved"
    assert made.table("run")["run"][0] == "3"
    assert made.table("run")["all"][-5:-3] == [f"{result['model_calls']:,}", f"{result['prompt_tokens']:,}"]
    assert "This run had no memory." in made.id("memory").text
    assert len(made.data["episodes"]) == 3 and all(one["steps"] for one in made.data["episodes"])


def test_a_run_shows_the_memory_that_it_used_at_the_version_of_that_time(tmp_path: Path, folder: Path) -> None:
    settings = Settings(memory=str(folder), episodes=1)
    with RunFolder.create(tmp_path / "r", "run", settings) as used:
        used.episodes.put(episode("e", memory_version=1, shown=("str-00001",)), phase="run", round=0, index=0)
    made = page(tmp_path / "r")
    assert f"The memory in {folder}, as this run used it." in made.id("memory").text
    assert "Rinse at the sinkbasin." in made.id("item-str-00001").text
    assert [one["version"] for one in made.data["versions"]] == [1]
    with RunFolder.create(tmp_path / "s", "run", replace(settings, memory=str(tmp_path / "gone"))):
        pass
    assert "which is not here now" in page(tmp_path / "s").id("memory").text


def test_errors_are_listed_with_an_episode_that_shows_each(tmp_path: Path) -> None:
    failed = phase("before", [False, False, True], stop=StopReason.ERROR, error="the engine is gone", steps=())
    made = page(evolved(tmp_path / "r", failed, [], rounds=None))
    (faults,) = made.all("ul", class_="faults")
    assert " ".join(faults.text.split()) == "3× the engine is gone before0-"
    assert made.all("a", href="#episode-before0-0")
    assert made.table("run")["before"][4] == "3"
    assert {one["outcome"] for one in made.data["episodes"]} == {"error"}


def test_episodes_that_the_budget_cut_off_or_without_a_label_are_in_no_rate(tmp_path: Path) -> None:
    cut = phase("before", [True, False], stop=StopReason.BUDGET)
    hidden = ("before", 0, 2, replace(episode("h"), reward=None))
    made = page(evolved(tmp_path / "r", [*cut, hidden, ("before", 0, 3, episode("e"))], [], rounds=None))
    assert made.table("run")["before"][:3] == ["4 (2 cut off)", "100%", "21 to 100%"]
    assert sorted(one["outcome"] for one in made.data["episodes"]) == ["cut off", "cut off", "solved", "unknown"]


def test_what_a_page_leaves_out_is_said_and_the_teachers_of_memory_stay(tmp_path: Path, folder: Path) -> None:
    made = Page(write_report(folder, tmp_path / "few.html", episodes=3).read_text(encoding="utf-8"))
    assert {"train1-0"} < {one["id"] for one in made.data["episodes"]} and len(made.data["episodes"]) == 3
    (note,) = made.all("p", class_="note")
    assert f"3 of {len(EPISODES)} episodes" in note.text
    assert made.table("run")["all"][0] == str(len(EPISODES)), "the figures are of all episodes"
    assert made.all("span", title="This episode is not in this page") == []


def test_a_long_observation_is_cut_and_says_by_how_much(tmp_path: Path) -> None:
    whole = episode("e", steps=(Step(None, Feedback("x" * (LONGEST_TEXT + 1234))),))
    (told,) = gather([Summary.of(whole, phase="run", round=0, index=0)], (), 1, lambda id: whole)
    assert told["steps"][0][1] == "x" * LONGEST_TEXT + "\n[1,234 more characters are in the run folder]"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose task, kind, observations, words, errors, ids, items, reasons and notes all try to break out."""
    told: dict[str, Any] = {
        "kind": HOSTILE, "error": HOSTILE, "model": HOSTILE, "shown": (f"str-{HOSTILE}",), "cited": (f"str-{HOSTILE}",),
        "first": Feedback(f"\x1b[31mred\x1b[0m \x1b]0;title\x07 \ud800 \u202eeslaf {HOSTILE}", commands=()),
        "steps": (Step(ToolCall("act", {"command": HOSTILE}), Feedback(HOSTILE), f"{HOSTILE} [str-{HOSTILE}]"),),
    }  # fmt: skip
    one = episode("e'\"<b>", task=HOSTILE, **told)
    text, data = f"{HOSTILE} `{HOSTILE}` \x1b[1m\x00 \u202e", {"section": HOSTILE, HOSTILE: HOSTILE}
    item = Item(
        f"str-{HOSTILE}", HOSTILE, text, data, task_kind=HOSTILE, sources=(one.id, HOSTILE), status=Status.ACTIVE
    )
    edits = [[add(item, HOSTILE)], [Edit(Op.SET, item.id, {"text": f"{HOSTILE} again", "task_kind": "x"}, HOSTILE)]]
    path = evolved(
        tmp_path_factory.mktemp("hostile") / "r", [("after", 0, 0, one), ("before", 0, 0, replace(one, id="b"))], edits
    )
    about = json.loads((path / "run.json").read_text())
    about["settings"] |= {"suite": HOSTILE, "method": HOSTILE}
    write_json(path / "run.json", about)
    with Journal.open(path / "journal.db") as journal:
        journal.commit([], note=HOSTILE)
    return path


def test_hostile_text_is_shown_and_stays_text(hostile: Path) -> None:
    made = page(hostile)
    assert len(made.all("script")) == 2 and made.all("img") == []
    assert not any(name.startswith("on") for one in made.elements for name in one.attributes)
    assert HOSTILE in made.id(f"item-str-{HOSTILE}").text
    assert HOSTILE in made.all("ul", class_="faults")[0].text
    assert made.data["episodes"][0]["steps"][0][:2] == [HOSTILE, HOSTILE]


def test_control_characters_reach_no_reader(hostile: Path) -> None:
    made = page(hostile)
    first = made.data["episodes"][0]["first"]
    assert first.startswith("red ␛]0;title␇ \ufffd \ufffdeslaf")
    texts = [made.html, *(str(text) for step in made.data["episodes"][0]["steps"] for text in step), first]
    assert [text for text in texts if re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)] == []


@given(st.text(st.characters(), max_size=80))
def test_plain_text_can_be_written_shows_no_control_character_and_stays_as_it_is(text: str) -> None:
    made = plain(text)
    made.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", made)
    assert plain(made) == made


def test_plain_text_keeps_lines_tabs_and_other_scripts() -> None:
    assert plain("ein\tWort\r\n日本語 ✓ שלום\n") == "ein\tWort\n日本語 ✓ שלום\n"


WORDS = st.lists(st.sampled_from(["open", "the", "fridge", " ", "\n", "(", "é"]), max_size=30).map("".join)


@given(WORDS, WORDS)
def test_two_texts_told_as_one_hold_both(before: str, after: str) -> None:
    pieces = worded(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "old") == after


def test_folding_the_page_s_versions_gives_the_journal_s_items_at_each(folder: Path) -> None:
    with Journal.open(folder / "journal.db") as journal:
        versions = history(journal.log())
        items: dict[str, dict[str, Any]] = {}
        for told in deltas(versions):
            for id, fields in told["set"].items():
                items = (
                    {**items, id: {**items.get(id, {}), **fields}}
                    if fields
                    else {k: v for k, v in items.items() if k != id}
                )
            there = journal.items(told["version"])
            assert {id: (one["text"], one["uses"]) for id, one in items.items()} == {
                id: (one.text, one.uses) for id, one in there.items()
            }
    assert [(one.item.id, one.version) for one in graveyard(versions)] == [(GONE.id, 2)]


@pytest.mark.parametrize(
    "before, after, withheld, said, control",
    [
        ((1, 40), (30, 40), (2, 40), "From 2% to 75%", "comes from the memory."),
        ((30, 40), (1, 40), (30, 40), "Down from 75% to 2%", "does not show"),
        ((10, 40), (12, 40), (10, 40), "25% before, 30% after: no clear change", "does not show"),
        ((1, 40), (30, 40), (29, 40), "From 2% to 75%", "does not show"),
        ((1, 40), (39, 40), (20, 40), "From 2% to 98%", "does not show"),
    ],
)  # fmt: skip
def test_words_claim_no_more_than_the_intervals_hold(
    before: tuple[int, int], after: tuple[int, int], withheld: tuple[int, int], said: str, control: str
) -> None:
    told = [
        Summary.of(one, phase=name, round=0, index=index)
        for name, (wins, n) in zip(RESULTS, (before, after, withheld), strict=True)
        for _, _, index, one in phase(name, [place < wins for place in range(n)])
    ]
    assert headline(told, finished=True).startswith(said)
    assert sentences(told)[-1].endswith(control) or control in sentences(told)[-1]


def test_tasks_that_were_trained_on_are_not_called_unseen() -> None:
    trained = [replace(one, phase="train") for one in _summaries("before", [False] * 9)]
    told = [*_summaries("before", [False] * 9), *_summaries("after", [True] * 9), *trained]
    assert headline(told, finished=True) == "From 0% to 100% on validation tasks"
    assert sentences(told)[-1] == "Take care: 9 of these tasks were trained on as well, so they are not unseen."


def test_tasks_that_the_gate_chose_by_are_not_called_unseen() -> None:
    gated = [replace(one, phase="validation") for one in _summaries("before", [False] * 9)]
    reports = [*_summaries("before", [False] * 9), *_summaries("after", [True] * 9)]
    assert headline(reports, finished=True) == "From 0% to 100% on tasks it had never seen"
    assert headline([*reports, *gated], finished=True) == "From 0% to 100% on validation tasks"
    assert "9 of these tasks were the gate's as well" in sentences([*reports, *gated])[-1]


def test_a_rate_near_none_or_all_is_not_rounded_to_it() -> None:
    assert [percent(Rate(Tried.once(wins, 1000)).value) for wins in (0, 1, 500, 999, 1000)] == [
        "0%",
        "0.1%",
        "50%",
        "99.9%",
        "100%",
    ]
    assert percent(Rate().value) == "unknown"


def test_the_interval_of_a_difference_is_newcombe_s() -> None:
    assert difference((56, 70), (48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # his example (a), method 10
    assert difference((0, 10), (0, 10)) == pytest.approx((-0.2775, 0.2775), abs=5e-5)
    assert difference((0, 0), (1, 2)) == (-1.0, 1.0)


def test_a_place_that_cannot_be_written_and_a_folder_that_is_no_run_are_said_in_a_sentence(
    tmp_path: Path, folder: Path
) -> None:
    assert write_report(folder, tmp_path / "new" / "page.html") == tmp_path / "new" / "page.html"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.html"]
    with pytest.raises(BadSetting, match="is a folder; name the HTML file to write"):
        write_report(folder, tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KnowhowError, match=r"cannot write the report .*; name another place"):
        write_report(folder, tmp_path / "file" / "page.html")
    with pytest.raises(MemoryDamaged, match="is no run folder"):
        write_report(tmp_path)


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[list[str]]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    quiet = (
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-quic",
    )
    flags = ("headless", "no-sandbox", "disable-gpu", *quiet, "virtual-time-budget=5000", "dump-dom")
    yield [found, *(f"--{flag}" for flag in flags), f"--user-data-dir={tmp_path / 'profile'}"]


@pytest.mark.browser
def test_a_link_to_those_that_cited_an_item_lists_them_alone(chromium: list[str], folder: Path) -> None:
    seen = browse(chromium, folder, "cites-str-00001")
    assert seen.id("found").text == "10 episodes, 9 solved"
    assert seen.id("list").text.count("train 2") == 4 and seen.id("list").text.count("after") == 6
    (compare,) = seen.all("form", id="compare")
    assert "hidden" not in compare.attributes and compare.text.count("0 (empty)") == 2


@pytest.mark.browser
def test_a_browser_unpacks_the_episode_of_the_link_and_runs_no_script_of_its_texts(
    chromium: list[str], hostile: Path
) -> None:
    seen = browse(chromium, hostile, "episode-e'%22%3Cb%3E")
    shown = seen.id("episode").text
    assert shown.count(HOSTILE) >= 5 and "red ␛]0;title␇" in shown
    assert len(seen.all("script")) == 2 and seen.all("img") == []
    assert "data-ran" not in seen.all("html")[0].attributes
    assert len(re.findall("clean ", seen.id("list").text)) == 1


def browse(chromium: list[str], folder: Path, place: str) -> Page:
    """The page as a browser has it, once its script is done."""
    address = f"{write_report(folder).as_uri()}#{place}"
    return Page(subprocess.run([*chromium, address], capture_output=True, text=True, timeout=60, check=True).stdout)


def _summaries(name: str, wins: Sequence[bool]) -> list[Summary]:
    return [Summary.of(one, phase=name, round=0, index=index) for _, _, index, one in phase(name, wins)]
