"""Skills: what may become one, what runs it, what it has to pass, and what it saves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from making import answers
from railway import Railway

from knowhow.agents.episode import Agent, play
from knowhow.agents.goals import slots
from knowhow.agents.metering import Meter
from knowhow.agents.model import load_model
from knowhow.agents.types import Decider, Query, Start, Turn
from knowhow.environments.calls import tool, tool_name
from knowhow.environments.errors import BadSetting, EpisodeOver
from knowhow.environments.sandbox import Limits
from knowhow.environments.types import Feedback, Step, StopReason, Task, ToolCall, Trajectory
from knowhow.memory.banks.skills import Skills
from knowhow.memory.fold import add
from knowhow.memory.imports import bring
from knowhow.memory.recall import recall_of
from knowhow.memory.skills.running import SkillFailed, run_skill
from knowhow.memory.skills.skill import Skill, read_skill
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Op, Status, Trust

GOAL = "send the {cargo} wagon to {town}"
SEND = '''
CALLS = ["walk to yard", "couple {} wagon", "walk to office", "stamp {} ticket", "walk to tower", "pull {} lever"]

def send(cargo: str, town: str) -> str:
    """Send a wagon to a town.

    cargo: what it carries
    """
    for call in CALLS + ["walk to platform", "dispatch the train"]:
        if not now().done:
            do(call.format(cargo if "wagon" in call else town))
    return f"{cargo} went to {town}."
'''
LAZY = SEND.replace('"walk to tower", ', "")
"""Forgets a walk, so that no train ever leaves."""
ACT = tool("act", "Do one thing.", command="Which.")
RAILWAY = Railway()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path, create=True) as opened:
        yield opened


def skill(code: str, name: str = "send", goal: str = GOAL) -> Skill:
    return read_skill({"name": name, "goal": goal, "code": code}, [ACT])


def writing(code: str, *repairs: str, asked: list[str] | None = None, **more: Any) -> Decider:
    """A model that writes this skill, and repairs it so."""
    left = iter(repairs)

    def reply(turn: Turn) -> AIMessage:
        prompt = turn.messages[0].text
        if asked is not None:
            asked.append(prompt)
        if prompt.startswith("# Skill repairer"):
            return AIMessage(json.dumps({"code": next(left, code)}))
        return AIMessage(json.dumps({"skills": [{"name": "send", "goal": GOAL, "code": code, "from": [1], **more}]}))

    return answers(reply)


def saying(reply: str) -> Decider:
    return answers(lambda turn: AIMessage(reply))


async def nobody(turn: Turn) -> AIMessage:
    raise AssertionError("nobody is to be asked")


async def solved(task: Task, seed: int = 0) -> Trajectory:
    """The episode of one who knows."""
    async with RAILWAY.open(task, seed=seed) as env:
        first = await env.reset()
        steps = [Step(call, await env.step(call)) for call in RAILWAY.oracle(task, seed=seed)]
    return Trajectory(f"{task.id}/{seed}", task, seed, first, tuple(steps), reward=steps[-1].feedback.reward)


def tasks(split: Any = "train", wording: str = "send") -> list[Task]:
    return [task for task in RAILWAY.tasks(split) if task.goal.startswith(wording)]


async def played(memory: Memory, bank: Skills, decide: Any, task: Task) -> Trajectory:
    return await play(RAILWAY, Agent(decide, Meter(), recall_of(memory, [bank])))(task, Start(5))


class World:
    """Counts, and is over at three."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []

    async def act(self, call: ToolCall) -> Feedback:
        if len(self.calls) == 3:
            raise EpisodeOver("over")
        self.calls.append(call)
        return Feedback(f"Now {len(self.calls)}.", 0.5, commands=("one", "two"))


async def run(body: str, arguments: Any = None, world: World | None = None) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    code = f'def send(cargo: str, town: str) -> object:\n    """Sends."""\n{lines}'
    before = Feedback("At first.", 0.25, commands=("zero",))
    made = skill(code)
    return await run_skill(made, arguments or {"cargo": "c", "town": "t"}, (world or World()).act, before, LIMITS)


LIMITS = Limits(seconds=3, cpu=2)


def test_a_skill_says_by_its_code_alone_what_it_is() -> None:
    code = 'def count(a: int, b: list[str], c, *, d: float = 1, e: bool = True) -> str:\n    """Counts.\n\n    More."""'
    made = skill(code, "count", "count {a} of {b} and {c}")
    function = made.tool["function"]
    assert (function["name"], function["description"]) == ("skill_count", "Counts.\n\nMore.")
    assert function["parameters"]["properties"] == {
        "a": {"type": "integer"}, "b": {"type": "array"}, "c": {}, "d": {"type": "number"}, "e": {"type": "boolean"},
    }  # fmt: skip
    assert function["parameters"]["required"] == ["a", "b", "c"]
    assert made.text.startswith("count(a: int, b: list[str], c, *, d: float=1, e: bool=True)\nCounts.")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"name": "Send it"}, "no name of a skill"),
        ({"name": "class"}, "no name of a skill"),
        ({"name": "a" * 80}, "no name of a skill"),
        ({"name": "other"}, "defines no function other"),
        ({"code": "def send("}, "cannot be read"),
        ({"code": "(" * 5000}, "cannot be read"),
        ({"code": "x = 1\n" * 9000}, "more than 20000"),
        ({"code": "async def send(cargo, town):\n    'Doc.'"}, "defines no function"),
        ({"code": "def send(cargo, town):\n    'Doc.'\nreturn 1"}, "does not compile"),
        ({"code": "def send(cargo, cargo, town):\n    'Doc.'"}, "does not compile"),
        ({"code": "def send(cargo, town):\n    'Doc. \\ud800'"}, "does not compile"),
        ({"goal": "send {cargo}{town}"}, "nothing between"),
        ({"goal": "{cargo} {town}"}, "no word outside"),
        ({"goal": "send {cargo} to {town}" + " or {town}" * 5}, "at most 6"),
        ({"code": "def send(cargo, town): pass"}, "no docstring"),
        ({"code": "def send(cargo, town, when):\n    'Doc.'"}, "do not name the same: when"),
        ({"code": "def send(*cargo, **town):\n    'Doc.'"}, "by name"),
        ({"goal": "send {cargo}"}, "do not name the same: town"),
        ({"goal": "send the {0} to {town}"}, "do not name the same: 0, cargo"),
    ],
)
def test_what_cannot_be_a_skill_is_refused_without_running_it(changed: dict[str, str], why: str) -> None:
    with pytest.raises(BadSetting, match=why):
        read_skill({"name": "send", "goal": GOAL, "code": SEND, **changed}, [ACT])


def test_a_goal_is_read_by_its_wording() -> None:
    assert slots(GOAL, "Send the  coal wagon to north york.") == {"cargo": "coal", "town": "north york"}
    assert slots(GOAL, "deliver coal by rail to york") is None
    assert slots("move {a} onto {a}", "move x onto x") == {"a": "x"}
    assert slots("move {a} onto {a}", "move x onto y") is None
    assert slots("{a} and {b}", "x and y and z") == {"a": "x", "b": "y and z"}
    assert slots("move {a} onto {b}", "move x onto") is None
    assert slots("{a} a{b}", "a a") is None
    assert slots("what (now)?", "what (now)?") == {}


def test_a_strange_pattern_takes_no_longer_than_another() -> None:
    pattern = "a " + " ".join(f"{{s{n}}}" for n in range(40)) + " z"
    assert slots(pattern, "a " + "x " * 5000) is None
    assert slots("".join(f"{{s{n}}}" for n in range(40)), "x" * 5000) is None
    assert len(slots(pattern, "a " + "x " * 40 + "z") or {}) == 40


async def test_a_skill_sees_what_was_said_and_never_a_reward() -> None:
    world = World()
    told = await run('seen = do("one")\nreturn [seen.text, seen.commands, seen.done, vars(seen).keys()]', world=world)
    assert told == "['Now 1.', ['one', 'two'], False, dict_keys(['text', 'commands', 'done'])]"
    assert world.calls == [ToolCall("act", {"command": "one"})]
    assert await run("return now().text, now().commands") == "('At first.', ['zero'])"
    assert await run("return None") == ""
    assert await run('return "a\\n b" * 1000') == ("a b" * 1000)[:600]


async def test_a_skill_gets_its_arguments_and_writes_calls_as_the_environment_lists_them() -> None:
    world = World()
    await run(
        "import json\ndo('take ' + cargo)\ndo(f'act(command={json.dumps(town)})')", {"cargo": "ö'", "town": "x"}, world
    )
    assert [call.arguments["command"] for call in world.calls] == ["take ö'", "x"]
    with pytest.raises(SkillFailed, match="is no tool call"):
        await run("do('act(command=)')")


async def test_a_skill_that_fails_says_where() -> None:
    with pytest.raises(SkillFailed, match=r'(?s)File "<skill>", line 4, in send.*ZeroDivisionError'):
        await run("do('one')\nreturn 1 / 0")


async def test_a_skill_ends_with_the_episode() -> None:
    world = World()
    told = await run("while True:\n    do('one')", world=world)
    assert (told, len(world.calls)) == ("The steps were used up.", 3)
    with pytest.raises(SkillFailed, match=r"took longer|processor"):
        await run("while True:\n    try:\n        do('one')\n    except EpisodeOver:\n        pass")


async def test_a_skill_reaches_nothing_but_the_environments_tools(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for attack in (
        f"return open({str(secret)!r}).read()",
        "import subprocess\nreturn subprocess.run(['id'])",
        "import socket\nreturn socket.create_connection(('127.0.0.1', 22), 1)",
        "import os\nos.kill(os.getppid(), 9)\nwhile True: pass",
        "return bytearray(1 << 30)",
    ):
        with pytest.raises(SkillFailed):
            await run(attack)
    with pytest.raises(SkillFailed, match="asked for what there is not"):
        await run("import gc\nworld = do.__self__\nworld.ask([1])")
    assert await run("import os\nreturn sorted(os.environ)") in ("['LC_CTYPE', 'PWD']", "['PWD']", "['LC_CTYPE']", "[]")


async def test_a_skill_is_admitted_after_it_did_its_own_and_other_tasks(memory: Memory) -> None:
    asked: list[str] = []
    bank = Skills(memory, writing(SEND, asked=asked), RAILWAY)
    taught = await solved(tasks()[0])
    memory.commit(await bank.learn([taught]))
    (item,) = memory.items("skills")
    assert (item.status, item.trust, item.sources) == (Status.CANDIDATE, Trust.VERIFIED, (taught.id,))
    tests = item.data["tests"]
    assert [test["passed"] for test in tests] == [True] * 5
    assert tests[0] == {"task": taught.task.id, "seed": 0, "passed": True}
    assert {task.split for task in RAILWAY.tasks("train") if task.id in {test["task"] for test in tests}} == {"train"}
    assert set(item.tasks) == {f"railway/{test['task']}" for test in tests}
    assert (item.data["version"], item.data["repairs"]) == (1, 0)
    assert "> couple" in asked[0] and '"name": "act"' in asked[0]


async def test_one_call_of_an_admitted_skill_does_an_unseen_task(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND), RAILWAY)
    memory.commit(await bank.learn([await solved(tasks()[0])]))
    turns: list[Turn] = []

    def reply(turn: Turn) -> AIMessage:
        turns.append(turn)
        given = slots(GOAL, task.goal)
        return AIMessage("", tool_calls=[{"name": "skill_send", "args": given, "id": "c"}])

    task = tasks("validation")[0]
    episode = await played(memory, bank, answers(reply), task)
    assert (episode.success, len(episode.steps), episode.steps[0].actions) == (True, 1, 8)
    assert episode.cited == episode.shown == ("ski-00001",)
    assert [tool_name(one) for one in turns[0].tools] == ["act", "skill_send"]
    assert f'[ski-00001] helpful=0 harmful=0 :: skill_send does "{GOAL}"' in turns[0].messages[0].text


async def test_a_skill_that_holds_the_answer_of_one_task_is_not_admitted(memory: Memory) -> None:
    taught = await solved(tasks()[0])
    given = slots(GOAL, taught.task.goal) or {}
    knows = SEND.replace("    for call", f"    cargo, town = {given['cargo']!r}, {given['town']!r}\n    for call")
    assert await Skills(memory, writing(knows), RAILWAY).learn([taught]) == []
    assert await Skills(memory, writing(knows), RAILWAY, threshold=0.2).learn([taught]) == [], "its own is not enough"


async def test_a_skill_is_repaired_from_what_went_wrong_and_only_so_often(memory: Memory) -> None:
    taught = [await solved(tasks()[0])]
    broken = LAZY.replace("def send", "1 / 0\ndef send")
    asked: list[str] = []
    (edit,) = await Skills(memory, writing(broken, LAZY, SEND, asked=asked), RAILWAY).learn(taught)
    assert (edit.fields["data"]["repairs"], edit.fields["data"]["code"]) == (2, SEND.strip())
    first, second = asked[1:]
    assert "ZeroDivisionError: division by zero" in first and "1 / 0" in first
    assert "> walk to office" in second and "Nothing happens." in second
    assert await Skills(memory, writing(broken, LAZY, SEND), RAILWAY, repairs=1).learn(taught) == []
    asked.clear()
    assert await Skills(memory, writing(broken, asked=asked), RAILWAY).learn(taught) == []
    assert len(asked) == 2, "a repair that changes nothing ends it"


async def test_nothing_from_outside_is_written_tested_or_run(memory: Memory) -> None:
    taught = replace(await solved(tasks()[0]), outside=True)
    assert await Skills(memory, nobody, RAILWAY).learn([taught]) == []


async def test_what_failed_or_is_not_known_to_have_succeeded_teaches_no_skill(memory: Memory) -> None:
    taught = await solved(tasks()[0])
    unknown, failed = taught.without_labels(), replace(taught, reward=0.0)
    cut = replace(taught, stop=StopReason.ERROR)
    assert await Skills(memory, nobody, RAILWAY).learn([unknown, failed, cut]) == []
    with pytest.raises(ValueError, match="test split"):
        await Skills(memory, nobody, RAILWAY).learn([await solved(tasks("test")[0])])


async def test_without_a_suite_a_skill_waits_and_is_not_offered(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND))
    memory.commit(await bank.learn([await solved(tasks()[0])]))
    (item,) = memory.items("skills", (Status.PENDING,))
    assert item.data["tests"] == []
    query = Query(tasks("validation")[0], "", tries=frozenset({item.id}))
    recalled = await recall_of(memory, [bank])(query)
    assert recalled.abilities == ()


async def test_what_a_skill_does_already_is_not_written_again(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND), RAILWAY)
    memory.commit(await bank.learn([await solved(tasks()[0])]))
    bank.ask = nobody
    assert await bank.learn([await solved(tasks()[1])]) == []
    (item,) = memory.items("skills")
    memory.commit([Edit(Op.SET, item.id, {"status": Status.RETIRED})])
    bank.ask = writing(SEND)
    assert await bank.learn([await solved(tasks()[1])]) == [], "the very same had its trial"
    bank.ask = writing(f"{SEND}\n# Better.")
    (edit,) = await bank.learn([await solved(tasks()[1])])
    assert (edit.fields["data"]["name"], edit.fields["data"]["version"]) == ("send", 2)


async def test_what_somebody_imported_and_nobody_accepted_stands_in_the_way_of_none(memory: Memory) -> None:
    foreign = skill(f"{SEND}\n# Foreign.")
    item = Item("ski-00009", "skills", foreign.text, foreign.data, trust=Trust.IMPORTED, status=Status.PENDING)
    memory.commit([add(item, "")])
    asked: list[str] = []
    memory.commit(await Skills(memory, writing(SEND, asked=asked), RAILWAY).learn([await solved(tasks()[0])]))
    (learned,) = memory.items("skills")
    assert (learned.data["name"], "def send_2(" in learned.data["code"]) == ("send_2", True)
    assert "Send a wagon" not in asked[0] and "None yet." in asked[0], "nobody has vouched for what it says"


class Alone(Railway):
    """Just one task."""

    def tasks(self, split: Any) -> list[Task]:
        return list(super().tasks(split))[:1] if split == "train" else []


async def test_where_there_is_no_other_task_a_skill_is_tried_at_its_own_with_another_seed(memory: Memory) -> None:
    taught = await solved(tasks()[0])
    (edit,) = await Skills(memory, writing(SEND), Alone()).learn([taught])
    first, other = edit.fields["data"]["tests"]
    assert first["task"] == other["task"] and first["seed"] != other["seed"]
    assert edit.fields["data"]["spent"] == {"episodes": 2, "calls": 16}
    assert "2 episodes and 16 calls" in edit.why
    elsewhere = replace(taught, task=replace(tasks("validation")[0], kind="x"))
    assert await Skills(memory, writing(SEND), Alone()).learn([elsewhere]) == [], "no training task is of its kind"


async def test_what_can_be_no_tool_is_left_out_and_the_others_are_offered(memory: Memory) -> None:
    good = skill(SEND)
    broken: list[dict[str, Any]] = [
        {"code": "def f("},
        {"tools": [{"function": 3}]},
        {"tools": None},
        {"goal": "{cargo}{town}"},
        {"name": "x"},
    ]
    items = [Item(f"ski-{n:05}", "skills", "Broken.", {**good.data, **one}) for n, one in enumerate(broken)]
    memory.commit([add(item, "") for item in [*items, Item("ski-00099", "skills", good.text, good.data)]])
    shown = Skills(memory, nobody).show(memory.items("skills"))
    assert [one.item for one in shown.abilities] == ["ski-00099"] and "Broken." not in shown.text
    recalled = await recall_of(memory, [Skills(memory, nobody)])(Query(tasks("validation")[0], ""))
    assert recalled.shown == ("ski-00099",)


@pytest.mark.parametrize(
    "data", [{"code": "return 1"}, {"tools": [{"function": {"name": "a b"}}]}, {"goal": "{cargo}{town}"}]
)
def test_what_can_be_no_skill_is_not_imported(memory: Memory, data: dict[str, Any]) -> None:
    item = Item("ski-00001", "skills", "Sends.", {**skill(SEND).data, **data}, status=Status.PENDING)
    for exact in (True, False):
        with pytest.raises(BadSetting, match="the skill 'send' cannot be used"):
            bring(memory, [item], exact=exact)
    assert memory.items("skills", tuple(Status)) == []


async def test_a_skill_for_another_kind_of_task_stands_in_the_way_of_none(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND), RAILWAY)
    taught = await solved(tasks()[0])
    memory.commit(await bank.learn([taught]))
    (item,) = memory.items("skills")
    asked: list[str] = []
    bank.ask = writing(SEND, asked=asked)
    await bank.learn([replace(taught, task=replace(taught.task, kind="other"))])
    assert len(asked) == 1 and f'send does "{GOAL}":\n{item.text}' in asked[0]


async def test_learning_again_from_the_same_episodes_comes_to_the_same(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND), RAILWAY)
    taught = [await solved(tasks()[0]), await solved(tasks()[1])]
    assert await bank.learn(taught) == await bank.learn(taught)


def fussy(code: str) -> str:
    """Does only what the towns' names begin with."""
    return code.replace("    for call", '    if town[0] > "l":\n        raise ValueError("too far")\n    for call')


async def test_a_skill_that_failed_in_use_gets_another_version_and_has_to_prove_itself_anew(memory: Memory) -> None:
    near = [task for task in tasks() if task.goal.split()[-1][0] <= "l"]
    far = next(task for task in tasks() if task.goal.split()[-1][0] > "l")
    bank = Skills(memory, writing(fussy(SEND)), RAILWAY, threshold=0.2)
    memory.commit(await bank.learn([await solved(near[0])]))
    (item,) = memory.items("skills")
    memory.commit([Edit(Op.SET, item.id, {"status": Status.ACTIVE, "helpful": 3})])
    call = AIMessage("", tool_calls=[{"name": "skill_send", "args": slots(GOAL, far.goal), "id": "c"}])
    failed = replace(await played(memory, bank, answers(lambda turn: call), far), reward=0.0, id="failed")
    assert "ValueError: too far" in failed.steps[0].feedback.observation
    bank.ask = writing(SEND, SEND)
    bank.threshold = 1.0
    memory.commit(await bank.learn([failed]))
    (item,) = memory.items("skills")
    assert (item.data["version"], item.data["repairs"], item.data["code"]) == (2, 1, SEND.strip())
    assert (item.status, item.uses, item.helpful, item.harmful) == (Status.CANDIDATE, 0, 0, 0)
    assert "failed" in item.sources and f"railway/{far.id}" in item.tasks


async def test_uses_and_outcomes_of_those_that_were_called_are_counted(memory: Memory) -> None:
    bank = Skills(memory, writing(SEND), RAILWAY)
    memory.commit(await bank.learn([await solved(tasks()[0])]))
    bank.ask = nobody
    cited = replace(await solved(tasks()[1]), shown=("ski-00001",), cited=("ski-00001",))
    step = Step(ToolCall("skill_send", {}), cited.steps[-1].feedback, inner=cited.steps)
    called = replace(cited, steps=(step,))
    memory.commit(await bank.learn([called, cited, replace(called, reward=None)]))
    (item,) = memory.items("skills")
    assert (item.uses, item.helpful, item.harmful) == (3, 1, 0)


async def test_a_reply_that_makes_no_sense_is_no_skill(memory: Memory) -> None:
    taught = [await solved(tasks()[0])]
    for said in ("no JSON", "{}", '{"skills": 3}', '{"skills": [1, {"name": "send"}]}', '{"skills": [{"from": "x"}]}'):
        assert await Skills(memory, saying(said), RAILWAY).learn(taught) == []
    for wrong in ({"goal": "deliver {cargo} to {town}"}, {"from": ["one", None]}, {"from": [7]}):
        made = await Skills(memory, writing(SEND, **wrong), RAILWAY).learn(taught)
        assert len(made) == int("from" in wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0},
        {"threshold": "x"},
        {"siblings": 0},
        {"repairs": -1},
        {"seconds": "a"},
        {"most": 0},
        {"kind": "x"},
    ],
)
def test_settings_that_make_no_sense_are_refused(memory: Memory, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(wrong))):
        Skills(memory, nobody, **wrong)


async def test_the_novice_writes_skills_and_calls_them(memory: Memory) -> None:
    novice = load_model("novice", meter=Meter())
    bank = Skills(memory, novice, RAILWAY)
    taught = [await solved(tasks(wording=wording)[0]) for wording in ("send", "deliver")]
    memory.commit(await bank.learn(taught))
    assert {item.data["goal"] for item in memory.items("skills")} == {
        "send the {a} to {b}",
        "deliver {a} by rail to {b}",
    }
    episodes = [await played(memory, bank, novice, task) for task in RAILWAY.tasks("validation")[:6]]
    assert [(episode.success, len(episode.steps)) for episode in episodes] == [(True, 1)] * 6
    assert all(episode.cited for episode in episodes)


async def test_the_novice_goes_on_by_itself_where_a_skill_fails(memory: Memory) -> None:
    novice = load_model("novice", meter=Meter())
    bank = Skills(memory, novice, RAILWAY)
    memory.commit(await bank.learn([await solved(tasks()[0])]))
    (item,) = memory.items("skills")
    broken = {
        **item.data,
        "code": item.data["code"].replace("return errand", "raise ValueError('no')\n    return errand"),
    }
    memory.commit([Edit(Op.SET, item.id, {"data": broken})])
    episode = await played(memory, bank, novice, tasks("validation")[0])
    names = [step.call.name for step in episode.steps if step.call is not None]
    assert names[0] == "skill_send_the_to" and set(names[1:]) == {"act"}
    assert episode.success, "its description says how"
