"""The ground floor: calls as text, parts by name, lazy sequences, text worlds and questions."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from knowhow.environments import discover
from knowhow.environments.calls import check_call, command_argument, parse_call, render_call, tool
from knowhow.environments.check import assert_conforms
from knowhow.environments.errors import BadSetting, EpisodeOver, MissingExtra, UnknownName
from knowhow.environments.lazy import Lazy
from knowhow.environments.question import OneTurn, Question
from knowhow.environments.suites.household import Household
from knowhow.environments.text_world import TextEnvironment, TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Feedback, Split, Suite, Task, ToolCall

SUITES = "knowhow.environments.suites"
ACT = tool("act", "Do it.", command="What to do.")
CLICK = tool("click", "Click on it.", ref="The element.", button="Which button.")
WAIT = tool("wait", "Do nothing.")
SCROLL = {"type": "function", "function": {"name": "scroll", "parameters": {"properties": {"by": {"type": "integer"}}}}}

# Calls as text

texts = st.text(st.characters(codec="utf-8"))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@given(texts)
def test_a_bare_command_comes_back_as_the_same_call(command: str) -> None:
    call = ToolCall("act", {"command": command.strip()})
    if not command.strip().startswith("act("):
        assert parse_call(render_call(call, [ACT]), [ACT]) == call


@given(json_values, json_values)
def test_any_arguments_come_back_from_their_text(ref: object, button: object) -> None:
    call = ToolCall("click", {"ref": ref, "button": button})
    assert parse_call(render_call(call, [CLICK, WAIT]), [CLICK, WAIT]) == call


@given(st.text() | st.builds("click({})".format, st.text("abz=-,'\"[]{}()*1: \\\x00")))
@example("click(ref={[]: 1})")
@example("click(**{'ref': 1})")
@example("click(ref=" + "-" * 100_000 + "1)")
@example("click(ref=" + "(" * 1000)
def test_any_text_is_a_call_or_a_value_error_with_a_reason(text: str) -> None:
    try:
        assert parse_call(text, [CLICK, WAIT]).name in ("click", "wait")
    except ValueError as error:
        assert str(error)


def test_a_call_may_be_spelled_out_in_a_text_world_too() -> None:
    look = ToolCall("act", {"command": "look"})
    assert parse_call(' act(command="look") ', [ACT]) == parse_call("look", [ACT]) == look


def test_only_one_tool_with_one_string_takes_bare_commands() -> None:
    integer = {"properties": {"n": {"type": "integer"}}}
    number = {"type": "function", "function": {"name": "guess", "parameters": integer}}
    assert command_argument([ACT]) == ("act", "command")
    assert [command_argument(tools) for tools in ([ACT, WAIT], [CLICK], [WAIT], [number], [])] == [None] * 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("look around", "no tool call"),
        ("click('e1')", "name\\(argument=value\\)"),
        ("click(ref=)", "no tool call"),
        ("click(ref=open('x'))", "no tool call"),
        ("a.click(ref='e1')", "no tool call"),
        ("clock(ref='e1')", "no tool 'clock'; the tools are click, wait"),
        ("", "no tool call"),
    ],
)
def test_what_is_no_call_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_call(text, [CLICK, WAIT])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (ToolCall("click", {"ref": "e1", "button": "left"}), ""),
        (ToolCall("wait"), ""),
        (ToolCall("fly"), "There is no tool 'fly'. The tools are: click, wait."),
        (ToolCall("click", {"ref": "e1"}), "it lacks button"),
        (ToolCall("click", {"ref": "e1", "button": "left", "x": 1}), "it does not take x"),
        (ToolCall("click", {"ref": 1, "button": "left"}), "ref must be of type string"),
        (ToolCall("click", {"ref": None, "button": True}), "button must be of type string"),
        (ToolCall("wait", {"long": "yes"}), "It takes: nothing."),
        (ToolCall("scroll", {"by": 3}), ""),
        (ToolCall("scroll", {"by": True}), "by must be of type integer"),
        (ToolCall("scroll", {"by": 3.5}), "by must be of type integer"),
    ],
)
def test_a_call_that_does_not_fit_is_told_why(call: ToolCall, said: str) -> None:
    answer = check_call(call, [CLICK, WAIT, *([SCROLL] if call.name == "scroll" else [])])
    assert said in answer and bool(said) == bool(answer)


# Parts by name


def test_a_suite_is_found_by_the_name_of_its_file() -> None:
    assert "household" in discover.names(SUITES)
    assert discover.find(SUITES, "household") is Household
    assert isinstance(discover.build(SUITES, "household"), Household)


def test_an_unknown_name_comes_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownName, match="no suite 'houshold'; did you mean household"):
        discover.find(SUITES, "houshold")
    with pytest.raises(UnknownName, match=r"no suite 'zzz'; known: .*household"):
        discover.find(SUITES, "zzz")
    with pytest.raises(UnknownName, match="no search 'zzz'"):
        discover.find("knowhow.agents.searches", "zzz")


def test_a_class_is_found_in_a_file_and_in_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_suite.py").write_text("class Own:\n    def __init__(self, size=1):\n        self.size = size\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    in_file = f"{tmp_path}/own_suite.py:Own"
    assert discover.build(SUITES, f"{in_file}(size=3)").size == 3
    assert discover.build(SUITES, "own_suite:Own").size == 1
    assert discover.find(SUITES, in_file) is discover.find(SUITES, in_file)


def test_a_file_may_import_what_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "beside_it_here.py").write_text("SIZE = 7\n")
    (tmp_path / "own.py").write_text("from beside_it_here import SIZE\n\nclass Own:\n    size = SIZE\n")
    assert discover.build(SUITES, f"{tmp_path}/own.py:Own").size == 7


def test_an_entry_point_of_the_same_group_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugged_in.py").write_text("class Plugged: ...\n")
    info = tmp_path / "plugged_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{SUITES}]\nplugged = plugged_in:Plugged\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "plugged" in discover.names(SUITES)
    assert discover.find(SUITES, "plugged").__name__ == "Plugged"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py:Own", "no file .*nowhere.py"),
        ("no_such_module_here:Own", "no module 'no_such_module_here'"),
        ("json:Own", "json defines no 'Own'"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where_it_ends(name: str, said: str) -> None:
    with pytest.raises(UnknownName, match=said):
        discover.find(SUITES, name)


def test_a_missing_import_of_a_module_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingExtra, match="needs_more needs the package no_such_package_at_all"):
        discover.find(SUITES, "needs_more:Own")


def test_a_file_that_fails_to_load_says_so_every_time(tmp_path: Path) -> None:
    bad = {"import no_such_package_at_all": MissingExtra, "class Own": BadSetting, "1 / 0": ZeroDivisionError}
    for text, error in bad.items():
        (tmp_path / "bad.py").write_text(text)
        for _ in range(2):
            with pytest.raises(error, match=r"no_such_package|bad\.py|division"):
                discover.find(SUITES, f"{tmp_path}/bad.py:Own")


def test_a_part_whose_own_import_is_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "searches_here").mkdir()
    (tmp_path / "searches_here" / "__init__.py").touch()
    (tmp_path / "searches_here" / "wide.py").write_text("import no_such_package_at_all\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingExtra, match="wide needs the package no_such_package_at_all"):
        discover.find("searches_here", "wide")


@pytest.mark.parametrize(
    ("specification", "parsed"),
    [
        ("retry", ("retry", {})),
        (" self_consistency(n=5, vote='mean') ", ("self_consistency", {"n": 5, "vote": "mean"})),
        ("a()", ("a", {})),
    ],
)
def test_a_specification_reads_as_a_name_and_settings(specification: str, parsed: tuple[str, dict[str, int]]) -> None:
    assert discover.parse(specification) == parsed


@pytest.mark.parametrize("specification", ["a(5)", "a(n=)", "a(n=5", "a(n=open('x'))"])
def test_what_cannot_be_read_is_refused_with_the_specification(specification: str) -> None:
    with pytest.raises(BadSetting) as raised:
        discover.build(SUITES, specification)
    assert specification in str(raised.value)


@given(st.lists(st.sampled_from(["a", "b(x=1)", "c(x=1, y=[2, 3])", "d(x={'y': (1, 2)})"])))
def test_a_list_of_specifications_splits_at_the_outer_commas(parts: list[str]) -> None:
    assert discover.split_list(", ".join(parts)) == parts


# Lazy sequences


@given(st.integers(0, 20), st.slices(20))
def test_a_lazy_sequence_is_like_the_tuple_of_its_items(length: int, part: slice) -> None:
    squares = Lazy(length, lambda n: n * n)
    assert tuple(squares) == tuple(n * n for n in range(length))
    assert squares[part] == tuple(squares)[part]
    assert [squares[n - length] for n in range(length)] == list(squares)
    with pytest.raises(IndexError):
        squares[length]


def test_a_lazy_sequence_makes_only_what_is_asked_for() -> None:
    made: list[int] = []
    items = Lazy(10**9, lambda n: made.append(n) or n)  # type: ignore[func-returns-value]
    assert (len(items), items[-1], list(items[2:4])) == (10**9, 10**9 - 1, [2, 3])
    assert made == [10**9 - 1, 2, 3]


# Text worlds


class Door(TextWorld):
    def __init__(self, key: str) -> None:
        self.key, self.held = key, ""

    def begin(self) -> str:
        return "Before you is a locked door. On the wall hang a red key and a green key."

    def commands(self) -> list[str]:
        return ["take the red key", "take the green key"] + ["unlock the door"] * bool(self.held)

    def do(self, command: str) -> tuple[str, float, bool]:
        if command == "unlock the door":
            return ("It opens.", 1.0, True) if self.held == self.key else ("The key does not fit.", 0.0, False)
        self.held = command.split()[2]
        return f"You hold the {self.held} key.", 0.0, False


def act(command: str) -> ToolCall:
    return ToolCall("act", {"command": command})


async def test_a_text_world_offers_refuses_and_ends() -> None:
    env = TextEnvironment(Door("green"))
    offered = ("take the red key", "take the green key")
    start = await env.reset()
    assert start == Feedback(Door("green").begin(), commands=offered)
    assert await env.step(act("unlock the door")) == Feedback("Nothing happens.", commands=offered)
    assert (await env.step(act(" take the red key "))).observation == "You hold the red key."
    assert (await env.step(act("unlock the door"))).reward == 0.0
    await env.step(act("take the green key"))
    end = await env.step(act("unlock the door"))
    assert end == Feedback("It opens.", 1.0, terminated=True, commands=())


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("open"),
        ToolCall("act"),
        ToolCall("act", {"command": 3}),
        ToolCall("act", {"command": "x", "y": "z"}),
    ],
)
async def test_a_call_that_does_not_fit_is_answered_and_nothing_changes(call: ToolCall) -> None:
    env = TextEnvironment(Door("red"))
    start = await env.reset()
    said = await env.step(call)
    assert said == Feedback(check_call(call, env.tools), commands=start.commands) and said.observation


async def test_an_episode_is_stepped_between_reset_and_its_end_only() -> None:
    env = TextEnvironment(Door("red"))
    with pytest.raises(EpisodeOver, match="reset"):
        await env.step(act("take the red key"))
    await env.reset()
    await env.step(act("take the red key"))
    await env.step(act("unlock the door"))
    with pytest.raises(EpisodeOver, match="over"):
        await env.step(act("take the red key"))


async def test_a_world_without_a_list_of_commands_judges_any_text() -> None:
    class Echo(TextWorld):
        def begin(self) -> str:
            return "Say something."

        def commands(self) -> None:
            return None

        def do(self, command: str) -> tuple[str, float, bool]:
            return command.upper(), 0.0, False

    env = TextEnvironment(Echo())
    assert (await env.reset()).commands is None
    assert await env.step(act("hello")) == Feedback("HELLO")


def test_the_tool_of_a_text_world_takes_one_string() -> None:
    with pytest.raises(BadSetting, match="click"):
        TextEnvironment(Door("red"), CLICK)


class Doors(TextSuite):
    name, description = "doors", "One of two keys opens the door."

    def tasks(self, split: Split) -> list[Task]:
        doors = range(SPLITS.index(split), 60, len(SPLITS))
        return [Task(f"door {n}", self.name, split, "door", f"open door {n}") for n in doors]

    def world(self, task: Task, *, seed: int) -> Door:
        return Door(Random(task.id).choice(["red", "green"]))


def test_a_suite_of_text_worlds_is_a_suite() -> None:
    assert_conforms(Doors())


# Questions


class Sums(OneTurn):
    name, description = "sums", "Adding two numbers."

    def questions(self, split: Split) -> list[Question]:
        start = SPLITS.index(split)
        return [Question(f"What is {a} + {b}?", str(a + b)) for a in range(start + 11, 40, 3) for b in range(7)]


class Capitals(OneTurn):
    name, description = "capitals", "Choosing capitals."

    def questions(self, split: Split) -> list[Question]:
        countries = {"train": ("France", "Paris"), "validation": ("Italy", "Rome"), "test": ("Spain", "Madrid")}
        country, capital = countries[split]
        choices = ("Paris", "Rome", "Madrid")
        return [Question(f"The capital of {country}: {', '.join(choices)}?", capital, "europe", choices)]

    def grade(self, question: Question, answer: str) -> float:
        return 1.0 if question.answer in answer else 0.25 * (answer in question.choices)


@pytest.mark.parametrize("suite", [Sums(), Capitals()])
def test_a_suite_of_questions_is_a_suite(suite: OneTurn) -> None:
    assert_conforms(suite)


@pytest.mark.parametrize(
    ("suite", "answer", "reward"),
    [
        (Sums(), "11", 1.0),
        (Sums(), " 11 ", 1.0),
        (Sums(), "12", 0.0),
        (Sums(), "", 0.0),
        (Capitals(), "Paris", 1.0),
        (Capitals(), "It is Paris.", 1.0),
        (Capitals(), "Rome", 0.25),
    ],
)
async def test_one_answer_is_graded_and_ends_it(suite: OneTurn, answer: str, reward: float) -> None:
    task = suite.tasks("train")[0]
    async with suite.open(task, seed=0) as env:
        assert (await env.reset()).observation == task.goal
        end = await env.step(ToolCall("answer", {"text": answer}))
    assert end == Feedback("Your answer is noted.", reward, terminated=True, commands=())


def test_case_and_outer_blanks_do_not_make_an_answer_wrong() -> None:
    assert Sums().grade(Question("Who?", "Ada"), " ADA\n") == 1.0
    assert Sums().grade(Question("Who?", "Ada"), "A da") == 0.0


async def test_choices_are_offered_and_an_open_question_offers_none() -> None:
    for suite, commands in ((Capitals(), ("Paris", "Rome", "Madrid")), (Sums(), None)):
        async with suite.open(suite.tasks("test")[0], seed=0) as env:
            assert (await env.reset()).commands == commands


def test_a_question_is_found_by_its_task_and_no_answer_is_in_it() -> None:
    suite = Sums()
    task = suite.tasks("validation")[9]
    assert task == Task("validation-9", "sums", "validation", "question", "What is 15 + 2?")
    assert suite.oracle(task, seed=0) == [ToolCall("answer", {"text": "17"})]
    for strange in ("validation-900", "test-1", "validation-x"):
        with pytest.raises(UnknownName, match=strange):
            suite.oracle(Task(strange, "sums", "validation", "question", "?"), seed=0)


def test_the_ground_floor_is_light_to_import() -> None:
    """In a process of its own: nothing of the heavy libraries comes with the suites and the kit."""
    imports = "import sys, knowhow.environments.check, knowhow.environments.suites.household as h; list(h.SIZES)"
    heavy = "{'torch', 'chromadb', 'langchain_core', 'langgraph', 'openai', 'numpy', 'textworld'}"
    command = [sys.executable, "-c", f"{imports}; print(sorted({heavy} & set(sys.modules)))"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_labels_a_won_and_a_lost_episode_look_the_same() -> None:
    from dataclasses import replace

    from knowhow.environments.types import Feedback, Step, StopReason, Task, ToolCall, Trajectory

    task, call = Task("t", "s", "train", "k", "goal"), ToolCall("act", {"command": "go"})
    won = Trajectory(
        id="e",
        task=task,
        seed=1,
        first=Feedback("here", commands=("go",)),
        steps=(Step(call, Feedback("there", 1.0, terminated=True, commands=())),),
        messages=({"role": "tool", "content": "there"},),
        reward=1.0,
    )
    still = Feedback("there", commands=("go", "stay"))
    lost = replace(won, steps=(Step(call, still),), reward=0.0, stop=StopReason.MAX_STEPS)
    assert won.without_labels() == lost.without_labels()
    assert won.without_labels().reward is None


def test_a_file_without_a_name_is_told_how_to_name_one() -> None:
    with pytest.raises(UnknownName, match=r"mine\.py:Name"):
        discover.find(SUITES, "mine.py")


@pytest.mark.parametrize("name", discover.names(SUITES))
def test_a_suite_is_found_by_its_file(name: str) -> None:
    suite = discover.find(SUITES, name)
    assert issubclass(suite, Suite) and suite.name == name
