"""The evolution loop on real parts: where it ends, that an interruption changes nothing, and what it never shows."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cottage import Cottage
from langchain_core.messages import AIMessage
from making import WON, says
from processes import command
from runs import Cut, kept, outcome, small

from knowhow.agents.model import Model
from knowhow.agents.types import Turn
from knowhow.environments.errors import BadSetting, KnowhowError, MemoryDamaged
from knowhow.environments.types import Environment, Feedback, StopReason, Task, Tool, ToolCall, Trajectory
from knowhow.evals import learn
from knowhow.evals.folder import RunFolder
from knowhow.evals.settings import Settings
from knowhow.evals.tasks import chained, jobs
from knowhow.memory.banks.playbook import Playbook
from knowhow.memory.episodes import Episodes
from knowhow.memory.evolve import Evolution, Phases, evolve
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.store import Memory
from knowhow.memory.types import Edit, Item, Trust

REPORT = {
    *("suite", "split", "model", "memory_version", "episodes", "success_rate", "ci95", "mean_reward", "mean_steps"),
    *("model_calls", "prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd", "errors", "seconds"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path]:
    """An uninterrupted run: its result, what it kept, and where."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    result = asyncio.run(learn.start(small(), folder))
    return result, kept(folder), folder


def test_the_result_tells_the_rounds_and_three_reports_on_the_same_episodes(whole: Any) -> None:
    result, stored, folder = whole
    reports = {"before", "after", "withheld"}
    assert set(result) == {"run", "rounds", *reports, "memory_version", "gate_overlap", "waiting", "made_with"}
    assert result["run"] == str(folder)
    fields = {"round", "train_success", "validation_success", "edits", "kept", "memory_version", "best"}
    assert [set(one) for one in result["rounds"]] == [fields] * 3
    assert [one["round"] for one in result["rounds"]] == [1, 2, 3]
    for name in ("before", "after", "withheld"):
        assert set(result[name]) >= REPORT
        assert (result[name]["suite"], result[name]["split"], result[name]["episodes"]) == (
            "household",
            "validation",
            5,
        )
    played = {
        phase: [(row["task"], row["index"]) for row in stored["episodes"] if row["phase"] == phase]
        for phase in ("before", "after", "withheld", "validation")
    }
    assert played["before"] == played["after"] == played["withheld"]
    assert not {task for task, _ in played["before"]} & {task for task, _ in played["validation"]}
    assert result["memory_version"] == stored["log"][-1][0]
    assert (result["before"]["memory_version"], result["after"]["memory_version"]) == (0, result["memory_version"])


def test_it_learns_and_its_memory_is_the_reason(whole: Any) -> None:
    result, stored, _ = whole
    assert result["after"]["success_rate"] >= result["before"]["success_rate"] + 0.6
    assert result["withheld"]["success_rate"] == result["before"]["success_rate"]
    rows = {phase: [r for r in stored["episodes"] if r["phase"] == phase] for phase in ("before", "after", "withheld")}
    assert all(row["shown"] and not row["withheld"] for row in rows["after"])
    assert all(row["withheld"] and not row["shown"] for row in rows["withheld"])
    assert not any(row["withheld"] or row["shown"] for row in rows["before"])


def test_every_lesson_says_which_training_episodes_taught_it(whole: Any) -> None:
    _, stored, _ = whole
    taught = {row["id"] for row in stored["episodes"] if row["phase"] == "train"}
    assert stored["items"]
    for item in stored["items"]:
        assert item["sources"] and set(item["sources"]) <= taught
        assert (item["split"], item["suite"]) == ("train", "household")


def test_the_checkpoints_hold_the_loop_and_nothing_of_the_episodes(whole: Any) -> None:
    with closing(sqlite3.connect(whole[2] / "checkpoints.db")) as database:
        assert database.execute("SELECT DISTINCT thread_id, checkpoint_ns FROM checkpoints").fetchall() == [
            ("evolve", "")
        ]


async def test_a_finished_run_gives_its_result_again_and_plays_nothing(whole: Any) -> None:
    result, stored, folder = whole
    watch = Cut(0)
    again = await learn.resume(folder, watch)
    assert outcome(again) == outcome(result) and kept(folder) == stored
    assert watch.told == []


# --- interrupted and resumed ---


async def go(folder: Path, cut: Cut, settings: Settings | None = None) -> dict[str, Any] | None:
    """One sitting of a run: its result, or None where it was cut off."""
    work = (
        learn.resume(folder, cut) if (folder / "run.json").exists() else learn.start(settings or small(), folder, cut)
    )
    try:
        return await work
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        return None


@pytest.mark.parametrize("every", [4, 11])
async def test_cut_off_every_so_often_it_ends_where_the_uninterrupted_run_ends(
    every: int, whole: Any, tmp_path: Path
) -> None:
    sittings, result = 0, None
    while result is None:
        sittings, result = sittings + 1, await go(tmp_path / "run", Cut(every))
        assert sittings < 40
    assert sittings >= 3
    assert outcome(result) == outcome(whole[0])
    assert kept(tmp_path / "run") == whole[1]


async def test_cut_off_at_the_beginning_of_every_phase_it_ends_there_too(whole: Any, tmp_path: Path) -> None:
    told, result = list[str](), None
    for _ in range(40):
        # The first thing told is the phase that was cut off before, the second the next one.
        result = result or await go(tmp_path / "run", cut := Cut(2, ("phase", "round")))
        told += cut.told
    assert {"phase reflect 1", "phase train 3", "phase withheld", "round 2"} <= {*told}
    assert result is not None and outcome(result) == outcome(whole[0])
    assert kept(tmp_path / "run") == whole[1]


async def test_chained_tasks_have_what_the_ones_before_them_taught(tmp_path: Path) -> None:
    settings = small(chain=2, rounds=2)
    result = await go(tmp_path / "run", Cut(0), settings)
    with Episodes.open(tmp_path / "run") as episodes:
        played = episodes.summaries("train", 1)
    first = max(row.index for row in played if not row.memory_version)
    assert 0 < first < len(played) - 1
    assert all(row.shown and row.memory_version == 1 for row in played if row.index > first)
    with Memory.open(tmp_path / "run") as memory:
        assert [batch.note for batch in memory.journal.log()][:2] == ["round 1, wave 1", "round 1"]
    again = None
    for _ in range(40):
        again = again or await go(tmp_path / "cut", Cut(5), settings)
    assert again is not None and result is not None and outcome(again) == outcome(result)
    assert kept(tmp_path / "cut") == kept(tmp_path / "run")


def test_a_chain_is_of_one_kind_and_keeps_every_job() -> None:
    tasks = [Task(str(n), "s", "train", kind, "") for n, kind in enumerate("aabbaaab")]
    waves = chained(jobs(tasks, 1, "x"), 2)
    assert [[job.index for job in wave] for wave in waves] == [[0, 2, 4, 6, 7], [1, 3, 5]]
    assert [[job.index for job in wave] for wave in chained(jobs(tasks, 1, "x"), 1)] == [list(range(8))]


RUN = """
import asyncio, sys
from pathlib import Path
from knowhow.evals import learn
from knowhow.evals.settings import from_mapping
from knowhow.evals.watch import Silent

class Tell(Silent):
    def phase(self, name, total, done=0):
        print("phase", name, flush=True)
    def episode(self, trajectory, spent):
        print("episode", flush=True)

asyncio.run(learn.start(from_mapping(SETTINGS), Path(FOLDER), Tell()))
"""


def killed(folder: Path, phase: str, episodes: int) -> None:
    """Runs in a process of its own, which is killed once so many episodes of a phase have ended."""
    program = RUN.replace("SETTINGS", repr(small().to_dict())).replace("FOLDER", repr(str(folder)))
    with subprocess.Popen(command(program), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout)
        assert any(line == f"phase {phase}\n" for line in lines)
        for _ in range(episodes):
            next(lines)
        process.kill()


@pytest.mark.parametrize(("phase", "episodes"), [("train 2", 3), ("reflect 2", 0)])
async def test_killed_in_the_middle_it_ends_there_too(phase: str, episodes: int, whole: Any, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    await asyncio.to_thread(killed, folder, phase, episodes)
    with RunFolder.open(folder) as opened:
        stored = opened.episodes.summaries()
        assert opened.spent.calls >= sum(row.usage.calls for row in stored) > 0
    assert outcome(await learn.resume(folder)) == outcome(whole[0])
    assert kept(folder) == whole[1]


def test_a_making_that_was_cut_off_is_made_again_and_holds_nothing_of_the_first_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def cut_off(path: Path) -> None:
        with Journal.open(path / "journal.db", create=True) as journal:
            journal.commit([add(Item("str-00001", "playbook", "stale"))])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RunFolder.create(folder, "evolve", small(), cut_off)
    with pytest.raises(MemoryDamaged, match="cut off before it began; start it again"):
        RunFolder.open(folder)
    result = asyncio.run(learn.start(small(rounds=1, episodes=2, validation=1), folder))
    assert result["rounds"][0]["memory_version"] <= 2
    with Memory.open(folder) as memory:
        assert all(item.text != "stale" for item in memory.items())


def test_a_second_process_is_refused_while_one_works_in_the_folder(whole: Any) -> None:
    folder = whole[2]
    with (
        RunFolder.open(folder),
        pytest.raises(BadSetting, match=f"another process is working in {folder}"),
    ):
        asyncio.run(learn.resume(folder))
    with RunFolder.open(folder):
        pass


# --- keep or roll back ---


class Plan:
    """Phases over a real journal: round ``n`` adds lesson ``n``, and the gate measures ``rewards[n]``."""

    def __init__(self, folder: Path, rewards: Sequence[Sequence[float] | None]) -> None:
        self.folder, self.rewards = folder, rewards
        self.journal = Journal.open(folder / "journal.db", create=True)
        self.fail_in: str = ""
        self.exhausted = False

    def _enter(self, phase: str) -> None:
        if self.fail_in == phase:
            self.fail_in = ""
            raise RuntimeError(f"cut off in {phase}")

    async def acquire(self, round: int) -> Sequence[Trajectory]:
        return [WON]

    async def refine(self, round: int, trajectories: Sequence[Trajectory]) -> Sequence[Edit]:
        return [add(Item(f"les-{round}", "lesson", f"Lesson {round}.", split="train"))]

    async def update(self, round: int, edits: Sequence[Edit]) -> int:
        version = self.journal.commit(edits, key=f"update/{round}")
        self._enter(f"update {round}")
        return version

    async def evaluate(self, round: int) -> Sequence[float] | None:
        return self.rewards[round]

    def rollback(self, round: int, version: int) -> int:
        back = self.journal.rollback(version, key=f"rollback/{round}")
        self._enter(f"rollback {round}")
        return back

    async def run(self) -> Evolution:
        return await evolve(
            Phases(self.acquire, self.refine, self.update, self.evaluate, self.rollback, lambda: self.exhausted),
            rounds=len(self.rewards) - 1,
            version=self.journal.version,
            checkpoints=self.folder / "checkpoints.db",
        )

    @property
    def lessons(self) -> list[str]:
        return list(self.journal.items())


LOW, MIDDLE, HIGH = [0.0] * 6, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [1.0] * 6


@pytest.mark.parametrize(
    ("rewards", "kept", "lessons"),
    [
        ([LOW, MIDDLE, HIGH], [True, True], ["les-1", "les-2"]),
        ([LOW, HIGH, MIDDLE], [True, False], ["les-1"]),
        ([HIGH, LOW, LOW], [False, False], []),
        ([LOW, HIGH, LOW, HIGH], [True, False, True], ["les-1", "les-3"]),
        ([MIDDLE, MIDDLE, MIDDLE], [True, True], ["les-1", "les-2"]),
        # A loss that may be chance is kept, until the last round: the run ends at the best version.
        ([HIGH, [0.0, *HIGH[1:]], HIGH], [True, True], ["les-1", "les-2"]),
        ([HIGH, HIGH, [0.0, *HIGH[1:]]], [True, False], ["les-1"]),
        # Without a gate all is kept; a round that could not be measured has proved nothing.
        ([None, None, None], [True, True], ["les-1", "les-2"]),
        ([LOW, HIGH, None], [True, False], ["les-1"]),
    ],
)
async def test_a_round_that_does_worse_is_rolled_back(
    rewards: list[list[float] | None], kept: list[bool], lessons: list[str], tmp_path: Path
) -> None:
    plan = Plan(tmp_path, rewards)
    done = await plan.run()
    assert [one.kept for one in done.rounds] == kept
    assert plan.lessons == lessons
    assert done.memory_version == plan.journal.version == done.rounds[-1].memory_version


@pytest.mark.parametrize("where", ["update 1", "update 2", "rollback 2", "update 3"])
async def test_a_phase_that_is_cut_off_after_it_wrote_is_not_done_twice(where: str, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    rewards = [LOW, HIGH, LOW, HIGH]
    reference = await Plan(tmp_path / "whole", rewards).run()
    (tmp_path / "cut").mkdir()
    plan = Plan(tmp_path / "cut", rewards)
    plan.fail_in = where
    with pytest.raises(RuntimeError, match="cut off in"):
        await plan.run()
    assert await plan.run() == reference
    assert [len(batch.edits) for batch in plan.journal.log()] == [1, 1, 1, 1]


async def test_checkpoints_that_cannot_be_read_are_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "checkpoints.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(KnowhowError, match=r"checkpoints .*checkpoints\.db: file is not a database"):
        await Plan(tmp_path, [LOW, HIGH]).run()


async def test_online_there_is_no_gate(tmp_path: Path) -> None:
    result = await learn.start(small(mode="online"), tmp_path / "run")
    assert [(one["kept"], one["validation_success"]) for one in result["rounds"]] == [(True, None)] * 3
    with Episodes.open(tmp_path / "run") as episodes:
        assert {row.phase for row in episodes.summaries()} == {"before", "train", "after", "withheld"}
    assert result["after"]["success_rate"] > result["before"]["success_rate"]


# --- what may never be seen ---


class Lying(Cottage):
    """The same worlds with the same words, and every reward the wrong way round."""

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        async with super().open(task, seed=seed) as env:
            yield _Liar(env)


class _Liar:
    def __init__(self, env: Environment) -> None:
        self.env, self.first = env, True

    @property
    def tools(self) -> Sequence[Tool]:
        return self.env.tools

    async def reset(self) -> Feedback:
        return await self.env.reset()

    async def step(self, call: ToolCall) -> Feedback:
        feedback = await self.env.step(call)
        before, self.first = float(self.first), False
        return replace(feedback, reward=before - feedback.reward)


@pytest.fixture
def prompts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What models are asked outside episodes."""
    asked: list[str] = []
    plain = Model.__call__

    async def noted(self: Model, turn: Turn) -> AIMessage:
        if not turn.tools:
            asked.append("\n".join(message.text for message in turn.messages))
        return await plain(self, turn)

    monkeypatch.setattr(Model, "__call__", noted)
    return asked


async def test_without_labels_nothing_that_the_model_is_asked_depends_on_success(
    prompts: list[str], tmp_path: Path
) -> None:
    asked = dict[tuple[str, bool], list[str]]()
    rewards = dict[str, list[float | None]]()
    for suite in ("cottage.py:Cottage", "test_evolve.py:Lying"):
        for labels in (False, True):
            prompts.clear()
            folder = tmp_path / f"{suite[0]}{labels}"
            path = str(Path(__file__).with_name(suite.partition(":")[0])) + ":" + suite.partition(":")[2]
            await learn.start(small(suite=path, mode="online", labels=labels, rounds=2, episodes=8), folder)
            asked[suite, labels] = sorted(prompts)
            with Episodes.open(folder) as episodes:
                rewards[suite] = [row.reward for row in episodes.summaries("train", 1)]
    true, false = "cottage.py:Cottage", "test_evolve.py:Lying"
    assert rewards[true] == [1 - (reward or 0) for reward in rewards[false]]
    assert {*rewards[true]} == {0.0, 1.0}
    assert len(asked[true, False]) >= 9  # eight reflections and a curation, at least
    assert asked[true, False] == asked[false, False]
    assert asked[true, True] != asked[false, True]


async def test_without_labels_a_won_and_a_lost_episode_read_the_same_and_teach_the_same(tmp_path: Path) -> None:
    lost = replace(
        WON,
        reward=0.0,
        stop=StopReason.MAX_STEPS,
        steps=(WON.steps[0], replace(WON.steps[1], feedback=Feedback("It opens.", truncated=True))),
    )
    seen, edits = [], []
    for episode in (WON, lost):
        asked: list[str] = []
        ask = says({"key_insight": "Look."}, {"operations": [{"type": "ADD", "content": "Look.", "from": [1]}]}, asked)
        with Memory.open(tmp_path / episode.stop, create=True) as memory:
            edits.append(await Playbook(memory, ask).learn([episode.without_labels()]))
        seen.append(asked)
    assert seen[0] == seen[1] and len(seen[0]) == 2
    assert edits[0] == edits[1]
    assert edits[0][0].fields["trust"] is Trust.REFLECTION


@pytest.mark.parametrize("bad", [{"split": "test"}, {"suite": "hosehold"}, {"memory": "playbok"}, {"method": "retri"},
                                 {"memory": "playbook(dedup='daily')"}, {"embedder": "hashng"}])  # fmt: skip
def test_what_cannot_be_used_is_refused_before_anything_is_written(bad: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(KnowhowError):
        asyncio.run(learn.start(small(**bad), tmp_path / "run"))
    assert not any(tmp_path.iterdir())


# --- budgets ---


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.95])
async def test_a_budget_ends_the_run_cleanly_and_to_the_call(share: float, whole: Any, tmp_path: Path) -> None:
    with RunFolder.open(whole[2], lock=False) as opened:
        budget = round(opened.spent.calls * share)
    result = await learn.start(small(budget_calls=budget), tmp_path / "run")
    with RunFolder.open(tmp_path / "run", lock=False) as opened:
        assert opened.spent.calls == budget
    for name in ("before", "after", "withheld"):
        assert result[name]["episodes"] + result[name]["unfinished"] == 5
    assert result["withheld"]["unfinished"] > 0
    assert len(result["rounds"]) <= 3
    again = await learn.resume(tmp_path / "run")
    assert outcome(again) == outcome(result)
    with RunFolder.open(tmp_path / "run", lock=False) as opened:
        assert opened.spent.calls == budget


async def test_a_model_that_never_answers_stops_the_run_and_a_resumed_one_asks_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = Model.__call__

    async def down(self: Model, turn: Turn) -> AIMessage:
        raise ConnectionError("the server is down")

    monkeypatch.setattr(Model, "__call__", down)
    with pytest.raises(KnowhowError, match=r"all of the first 2 episodes failed: ConnectionError: the server is down"):
        await learn.start(small(rounds=1, episodes=2, validation=2), tmp_path / "run")
    monkeypatch.setattr(Model, "__call__", plain)
    result = await learn.resume(tmp_path / "run")
    assert result["before"]["errors"] == 0


# --- going on from another run ---


async def test_a_memory_is_carried_over_and_grows_and_the_old_run_stays_as_it_was(whole: Any, tmp_path: Path) -> None:
    first, stored, folder = whole
    settings = small(memory=str(folder), rounds=2, episodes=8, mode="online")
    result = await learn.start(settings, tmp_path / "run")
    log = kept(tmp_path / "run")["log"]
    assert log[: len(stored["log"])] == stored["log"]
    assert len(log) == len(stored["log"]) + 2  # one batch a round, though earlier rounds had the same numbers
    assert result["memory_version"] == first["memory_version"] + 2
    assert result["before"]["success_rate"] == 0.0  # still the empty memory
    assert kept(folder) == stored
    again = await learn.resume(tmp_path / "run")
    assert outcome(again) == outcome(result)


async def test_only_an_evolution_can_be_resumed_and_only_a_whole_one(whole: Any, tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "plain", "run", Settings()):
        pass
    with pytest.raises(BadSetting, match="made by `knowhow run`"):
        await learn.resume(tmp_path / "plain")
    for missing in ("journal.db", "checkpoints.db", "episodes.db", "run.json"):
        folder = tmp_path / missing
        await learn.start(small(rounds=1, episodes=2, validation=1), folder)
        (folder / missing).unlink()
        before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
        with pytest.raises(MemoryDamaged):
            await learn.resume(folder)
        after = {path.name: path.read_bytes() for path in folder.glob("*.*")}
        assert {name: after.get(name) for name in before} == before
        assert missing not in after


async def test_a_run_that_its_budget_ended_goes_on_with_a_larger_one(tmp_path: Path) -> None:
    settings = Settings(memory="playbook", episodes=16, rounds=2, validation=6, budget_calls=700)
    cut = await learn.start(settings, tmp_path / "run")
    assert cut["after"]["episodes"] == 0 and cut["after"]["unfinished"] == 6
    again = await learn.resume(tmp_path / "run")
    assert again["rounds"] == cut["rounds"]
    whole = await learn.resume(tmp_path / "run", budget_calls=20_000)
    assert whole["after"]["episodes"] == whole["withheld"]["episodes"] == 6
    assert len(whole["rounds"]) == 2
    assert whole["before"]["success_rate"] == cut["before"]["success_rate"]


async def test_reports_that_share_tasks_with_the_gate_say_so(tmp_path: Path) -> None:
    settings = Settings(
        suite=f"{Path(__file__).parent / 'railway.py'}:Railway", memory="playbook", episodes=4, rounds=1
    )
    result = await learn.start(replace(settings, validation=40), tmp_path / "small")
    assert result["gate_overlap"] == 2 * 40 - 64
    result = await learn.start(replace(settings, validation=20), tmp_path / "enough")
    assert result["gate_overlap"] == 0


async def test_more_rounds_than_episodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="10 rounds"):
        await learn.start(Settings(memory="playbook", episodes=4, rounds=10), tmp_path / "run")
