"""Junk in a real memory: ``python -m knowhow.evals.benches.junk_household``.

The novice learns household chores; what it knows then counts as proven (with ``--unproven`` it is on trial as well).
50 useless lessons (of things and chores that do not exist) and 20 harmful ones (wrong ways to do this world's chores,
with a better record than the right ones) are planted among that, in the novice's own words, so that it really reads and
follows them. ``evals/prove.py`` then has at
most 300 replays. Prints one JSON object: what became of each sort, and its true effect as paired replays of their own
measure it afterwards, on other training tasks: of each harmful lesson alone, of all useless ones together, and of each
good one where the others stay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from knowhow.agents.novice.lessons import Mechanic, Plan, read_lesson
from knowhow.agents.rollout import Job
from knowhow.agents.types import Recall
from knowhow.environments.types import Feedback, Task, Trajectory
from knowhow.evals import learn
from knowhow.evals.folder import RunFolder
from knowhow.evals.prove import Trial
from knowhow.evals.settings import Settings
from knowhow.evals.stage import Stage, open_mind, open_stage
from knowhow.evals.tasks import draw, jobs
from knowhow.evals.watch import Silent
from knowhow.memory.fold import add
from knowhow.memory.promote import Rules
from knowhow.memory.proof.withhold import all_withheld
from knowhow.memory.store import SHOWN, Memory
from knowhow.memory.types import Edit, Item, Op, Status

PREFIXES = {"useless": "usl", "harmful": "hrm"}
NOWHERE = ("gloop", "snark", "wimble", "frond", "quill")


def useless(count: int) -> list[str]:
    """Lessons about what this world does not have: half of them plans, half mechanics."""
    made: list[str] = []
    for number in range((count + 1) // 2):
        thing, verb = f"{NOWHERE[number % 5]}{number}", f"fold{number}"
        made.append(str(Plan(f"{verb} the {{a}} behind {{b}}", f"{verb} the {thing} behind moon", (f"{verb} {{a}}",))))
        made.append(str(Mechanic(f"{verb} {{x}} round {{y}}", (f"wind {{x}} round {thing}",))))
    return made[:count]


def harmful(count: int, plans: Sequence[Plan]) -> list[str]:
    """Plans for the wordings of good ones that leave out what matters: the first steps, the last ones, or all."""
    ways = (lambda steps: steps[1:], lambda steps: steps[:-1], lambda steps: ("close fridge",))
    wrong = [replace(plan, steps=way(plan.steps)) for way in ways for plan in plans if way(plan.steps)]
    return [str(wrong[number % len(wrong)]) for number in range(count)]


def plant(memory: Memory, junk: dict[str, int], proven: bool) -> None:
    """What is there counts as ``proven``, or is on trial as well; the junk comes as candidates, the harmful with a good
    record."""
    good = memory.items()
    read = [read_lesson(item.text) for item in good]
    texts = {
        "useless": useless(junk["useless"]),
        "harmful": harmful(junk["harmful"], [lesson for lesson in read if isinstance(lesson, Plan)]),
    }
    planted = [
        Item(f"{PREFIXES[sort]}-{number:05d}", "playbook", text, {"section": "strategies"}, helpful=20 + number)
        for sort, said in texts.items()
        for number, text in enumerate(said, 1)
    ]
    status = Status.ACTIVE if proven else Status.CANDIDATE
    standing = [Edit(Op.SET, item.id, {"status": status, "effect": None}) for item in good]
    memory.commit([*standing, *map(add, planted)], note="junk")


@dataclass
class Bench:
    """A stage and the recall of its memory."""

    stage: Stage
    memory: Memory
    recall: Recall
    proof: int
    worth: float

    async def prove(self) -> None:
        """The trial, round after round, with nothing but its replays."""
        settings = replace(self.stage.settings, proof=self.proof, withhold_rate=0.0, proof_at_once=1000)
        trial = Trial(
            settings, self.memory, self.stage.folder.episodes, self.recall, self._play, Rules(worth=self.worth)
        )
        for round in range(1, settings.rounds + 1):
            tasks = draw(self.stage.suite, "train", self.proof, settings.seed + 1)[(round - 1) * 30 :]
            told = [Trajectory("", task, 0, Feedback(""), reward=None) for task in tasks]
            self.memory.commit(await trial.edits(round, told), note=f"round {round}")

    async def _play(self, phase: str, round: int, todo: Sequence[Job], recall: Recall) -> list[Trajectory]:
        return await self.stage.play(phase, round, todo, recall, self.memory.version)

    async def success(self, name: str, tasks: Sequence[Task], without: Iterable[str]) -> list[float]:
        """The rewards of the same tasks and seeds without some items."""
        recall = all_withheld(self.recall, {*without})
        played = await self.stage.play(name, 0, jobs(tasks, self.stage.settings.seed, "truth"), recall)
        return [trajectory.reward or 0.0 for trajectory in played]


def sort_of(id: str) -> str:
    return next((sort for sort, prefix in PREFIXES.items() if id.startswith(prefix)), "good")


async def truth(bench: Bench, items: dict[str, Item], tasks: Sequence[Task]) -> dict[str, float]:
    """The effect of each good and harmful lesson, and of all the useless together, beside the good ones; ``items`` are
    as they were before the trial."""
    junk = {id for id in items if sort_of(id) != "good"}
    base = fmean(await bench.success("base", tasks, junk))
    found = {"base": base}
    for id in items:
        if sort_of(id) != "useless":
            without = junk - {id} if id in junk else junk | {id}
            with_or_without = fmean(await bench.success(f"truth-{id}", tasks, without))
            found[id] = round(with_or_without - base if id in junk else base - with_or_without, 3)
    not_useless = {id for id in junk if sort_of(id) != "useless"}
    found["useless"] = round(fmean(await bench.success("truth-useless", tasks, not_useless)) - base, 3)
    return found


async def bench(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    taught, proven = scratch / "taught", scratch / "proven"
    settings = Settings(
        memory="playbook", episodes=options.taught, rounds=options.taught // 24, validation=20, seed=options.seed
    )
    await learn.start(settings, taught)
    asked = replace(settings, split="train", rounds=options.rounds, memory="playbook")
    with RunFolder.create(proven, "run", asked) as folder, Memory.open(proven, create=True) as memory:
        stage = open_stage(folder, Silent())
        with Memory.open(taught) as learned:
            memory.commit([add(item) for item in learned.items()])
        plant(memory, {"useless": options.useless, "harmful": options.harmful}, proven=not options.unproven)
        planted = memory.journal.items()
        recall = open_mind(asked, ["playbook"], memory, stage.model, stage.suite).recall
        made = Bench(stage, memory, recall, options.proof, options.worth)
        await made.prove()
        became, spared = memory.journal.items(), len(folder.episodes.summaries("spared"))
        statuses = [Edit(Op.SET, id, {"status": item.status}) for id, item in planted.items()]
        memory.commit(statuses, note="as before the trial")
        tasks = draw(stage.suite, "train", options.measured, options.seed + 2)
        true = await truth(made, planted, tasks)
        await stage.model.aclose()
    return _told(became, true) | {"episodes_without": spared}


def _told(items: dict[str, Item], true: dict[str, float]) -> dict[str, Any]:
    def count(sort: str, *statuses: Status) -> int:
        return sum(sort_of(id) == sort and item.status in statuses for id, item in items.items())

    sorts = {
        sort: {
            "active": count(sort, Status.ACTIVE),
            "still_shown": count(sort, *SHOWN),
            "retired": count(sort, Status.RETIRED),
        }
        for sort in ("good", *PREFIXES)
    }
    harm = [effect for id, effect in true.items() if sort_of(id) == "harmful"]
    worthy = {id: effect for id, effect in true.items() if id in items and sort_of(id) == "good" and effect > 0.1}
    return {
        **sorts,
        "success_with_the_good_alone": true["base"],
        "true_effect_of_all_useless_together": true["useless"],
        "true_effect_of_a_harmful_one": {"mean": round(fmean(harm), 3), "least": min(harm), "most": max(harm)},
        "worth_over_0.1": worthy,
        "worthy_lost": [id for id in worthy if items[id].status is Status.RETIRED],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proof", type=int, default=300, help="replays in all")
    parser.add_argument("--taught", type=int, default=120, help="training episodes behind the good memory")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--useless", type=int, default=50)
    parser.add_argument("--harmful", type=int, default=20)
    parser.add_argument("--unproven", action="store_true", help="what was learned is on trial, too")
    parser.add_argument("--worth", type=float, default=0.1, help="the least effect that is worth a lesson's place")
    parser.add_argument("--measured", type=int, default=40, help="tasks that each true effect is measured on")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        print(json.dumps({**asyncio.run(bench(options, Path(scratch))), "settings": vars(options)}))


if __name__ == "__main__":
    main()
