"""The suite ``bash``: what solves each kind of task, what does not, what is offered, and what a novice makes of it."""

from __future__ import annotations

import asyncio

import pytest

from knowhow.environments.calls import parse_call
from knowhow.environments.check import assert_conforms
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.sandboxes.bubblewrap import Bubblewrap
from knowhow.environments.shell.errands import KINDS
from knowhow.environments.shell.offers import MOST, offered
from knowhow.environments.suites.bash import Bash, draw
from knowhow.environments.types import SPLITS, Feedback, Task, ToolCall
from knowhow.environments.workspace import FOLDER, NOW, Node, bash, of_texts

walled = pytest.mark.skipif(bool(Bubblewrap().fails()), reason=Bubblewrap().fails() or "bubblewrap works")

SUITE = Bash()


def first(kind: str) -> Task:
    return next(task for task in SUITE.tasks("train") if task.kind == kind)


async def done(task: Task, *commands: str) -> Feedback:
    """The end of an episode of these commands."""
    async with SUITE.open(task, seed=0) as env:
        await env.reset()
        for command in commands:
            await env.step(ToolCall("run_bash", {"command": command}))
        return await env.step(ToolCall("submit"))


def gold(task: Task) -> str:
    return str(SUITE.oracle(task, seed=0)[0].arguments["command"])


@walled
def test_it_is_a_suite() -> None:
    assert_conforms(SUITE, tasks_per_split=1, seeds=(0,))


@walled
async def test_the_oracle_does_every_kind_of_task_of_the_test_split() -> None:
    gate = asyncio.Semaphore(4)

    async def won(task: Task) -> str:
        async with gate:
            return task.kind if (await done(task, gold(task))).reward == 1 else ""

    tasks = SUITE.tasks("test")[: len(KINDS)]
    assert await asyncio.gather(*map(won, tasks)) == [kind.__name__ for kind in KINDS]


WRONG = {
    "sort_numbers": "s=$(ls *.txt | head -1); sort $s > $(ls *.txt | tail -1)",
    "delete_everywhere": "rm -f *.tmp *.bak *.old",
    "delete_file": "rm *",
    "make_folder": "touch made",
    "allow_running": "chmod 777 *",
    "count_lines": "echo 3",
    "replace_word": "true",
    "move_older": "mv *.log */",
}


@walled
@pytest.mark.parametrize("kind", WRONG)
async def test_what_does_not_solve_a_task_earns_nothing(kind: str) -> None:
    last = await done(first(kind), WRONG[kind])
    assert (last.reward, last.terminated) == (0.0, True)


@walled
async def test_what_lies_about_afterwards_spoils_it_and_another_way_there_does_not() -> None:
    task = first("sort_lines")
    assert (await done(task, gold(task), "touch scratch")).reward == 0
    assert (await done(task, gold(task), "touch scratch", "rm scratch", "false")).reward == 1
    source, target = (word.strip(".") for word in task.goal.split() if ".txt" in word)
    assert (await done(task, f'python3 -c \'print(*sorted(open("{source}")), sep="", end="")\' > {target}')).reward == 1


@walled
async def test_a_question_is_answered_by_the_last_output_and_nothing_may_have_changed() -> None:
    task = first("count_lines")
    assert (await done(task, "ls", gold(task))).reward == 1
    assert (await done(task, gold(task), "ls")).reward == 0
    assert (await done(task, f"{gold(task)}; rm -r *")).reward == 0
    assert (await done(task)).reward == 0


@walled
async def test_a_command_that_is_stopped_changes_nothing_and_the_episode_goes_on() -> None:
    task = first("make_folder")
    async with SUITE.open(task, seed=0) as env:
        await env.reset()
        for command in ("rm -r *; kill -9 $PPID", "mkdir -p x; head -c 9999999 /dev/zero > x/big", "kill -9 -1"):
            told = (await env.step(ToolCall("run_bash", {"command": command}))).observation
            assert told.startswith("It was stopped: ") and told.endswith(" The files are as they were before.")
        await env.step(ToolCall("run_bash", {"command": gold(task)}))
        assert (await env.step(ToolCall("submit"))).reward == 1


@walled
async def test_the_same_commands_leave_the_same_tree_at_any_time() -> None:
    tree = of_texts({"a/b.txt": "x\n", "c.txt": "y\n"})
    one = await bash(tree, "cp c.txt d.txt; mkdir e; touch -d 2001-01-01 c.txt; ls -l --time-style=+%F c.txt a")
    await asyncio.sleep(1.1)
    other = await bash(tree, "cp c.txt d.txt; mkdir e; touch -d 2001-01-01 c.txt; ls -l --time-style=+%F c.txt a")
    assert (one.tree, one.output) == (other.tree, other.output) and "2001-01-01 c.txt" in one.output
    assert (one.tree["d.txt"].changed, one.tree["e"]) == (NOW, FOLDER)
    assert one.tree["a/b.txt"] == Node(b"x\n")


@walled
async def test_every_name_and_every_byte_comes_back() -> None:
    odd = "mkdir d; chmod 700 d; printf 'a\\377\\0b' > $'x\\xff\\n y'; ln -s /etc/shadow link; mkfifo p; echo é > d/é"
    ran = await bash({}, odd)
    assert set(ran.tree) == {"x\udcff\n y", "link", "d", "d/é"}
    assert (ran.tree["x\udcff\n y"].data, ran.tree["link"].data) == (b"a\xff\0b", b"/etc/shadow")
    again = await bash(ran.tree, "cat d/é; readlink link; ls -ld d; true")
    assert again.tree == ran.tree and again.output.startswith("é\n/etc/shadow\ndrwx------")


@walled
async def test_nothing_of_the_host_is_in_reach() -> None:
    ran = await bash(
        {}, "env | cut -d= -f1 | sort | tr '\\n' ' '; cat /etc/passwd; ls /root /home; echo x > /usr/x; id -u"
    )
    assert "OPENAI" not in ran.output and ran.output.count("No such file") >= 2 and "Read-only" in ran.output
    assert ran.output.endswith("65534\n")


def test_splits_share_no_task_and_the_test_split_has_names_of_its_own() -> None:
    told = {
        split: {(task.goal, str(draw(split, n)[1])) for n, task in enumerate(SUITE.tasks(split))} for split in SPLITS
    }
    assert not told["train"] & told["validation"] and not told["test"] & (told["train"] | told["validation"])
    paths = {split: {p for n in range(len(SUITE.tasks(split))) for p in draw(split, n)[1]} for split in SPLITS}
    assert not {path.split(".")[0] for path in paths["test"]} & {path.split(".")[0] for path in paths["train"]}


def test_what_is_offered_depends_on_the_goal_and_the_folder_alone() -> None:
    tree = of_texts({"a.txt": "x\n", "b.txt": "y\n", "old/c.txt": ""})
    asked = offered('Join a.txt and b.txt to c.txt, with "x".', tree, tree)
    assert {"cat a.txt b.txt > c.txt", "cat b.txt a.txt > c.txt", "sort a.txt > c.txt", "mv a.txt old", "ls"} <= set(
        asked
    )
    assert offered('Sort a.txt and b.txt to c.txt, with "x".', tree, tree) == asked
    assert "mv *.log box" not in offered("Make a folder box and move every .log file into it.", tree, tree)
    assert "mv *.log box" in offered(
        "Make a folder box and move every .log file into it.", tree, {**tree, "box": FOLDER}
    )


def test_of_most_kinds_the_way_is_among_the_few_commands_that_are_offered() -> None:
    errands = [draw("train", n) for n in range(len(KINDS))]
    lists = [offered(errand.goal, tree, tree) for errand, tree in errands]
    assert max(map(len, lists)) <= MOST
    assert sum(errand.gold in commands for (errand, _), commands in zip(errands, lists, strict=True)) >= 20


async def test_commands_are_listed_where_they_are_wanted() -> None:
    task = first("sort_lines")
    async with SUITE.open(task, seed=0) as env:
        commands = (await env.reset()).commands or ()
        assert commands[-1] == "submit()" and parse_call(commands[0], env.tools) == ToolCall(
            "run_bash", {"command": "ls"}
        )
    async with Bash(listed=False).open(task, seed=0) as env:
        assert (await env.reset()).commands is None


def test_what_is_no_size_and_no_task_is_told() -> None:
    with pytest.raises(BadSetting, match="size=3 must be a whole number of at least 112"):
        Bash(size=3)
    with pytest.raises(UnknownName, match="bash has no task 'train-560'"):
        SUITE.oracle(Task("train-560", "bash", "train", "", ""), seed=0)
