"""Which of four cases an episode is to the Builder of a manual (AutoManual, arXiv 2405.16247, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from knowhow.agents.prompt import render
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider
from knowhow.environments.types import Trajectory
from knowhow.memory.reflect import PACKAGE, ask_json, outcome

CASES = ("direct success", "indirect success", "imperfect rules", "imperfect agent")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``case`` is one of ``CASES``; ``blamed`` are the shown rules that misled the agent."""

    case: str
    blamed: tuple[str, ...] = ()


async def diagnose(ask: Decider, trajectory: Trajectory, rules: Mapping[str, str]) -> Diagnosis:
    """A success is told from the episode alone, and so is a failure without a rule; else a model is asked, who can say
    that a rule misled. ``rules`` are those of the manual by id. A reply that cannot be read blames no rule."""
    shown = [id for id in trajectory.shown if id in rules]
    if trajectory.reward is not None and (trajectory.success or not shown):
        return Diagnosis(_of_success(trajectory) if trajectory.success else "imperfect rules")
    used = [id for id in shown if id in trajectory.cited]
    prompt = render(
        "diagnose",
        PACKAGE,
        goal=trajectory.task.goal,
        outcome=outcome(trajectory),
        rules="\n".join(f"- [{id}] {rules[id]}" for id in used) or "None.",
        others="\n".join(f"- [{id}] {rules[id]}" for id in shown if id not in used) or "None.",
        transcript=transcript(trajectory),
    )
    said = await ask_json(ask, prompt, trajectory.seed) or {}
    case, named = str(said.get("case")).strip().lower(), said.get("rules")
    known = CASES if trajectory.reward is None else CASES[2:]
    if case not in known:
        return Diagnosis("imperfect agent")
    blamed = {str(id).strip("[] ") for id in named} if isinstance(named, list) and case == "imperfect rules" else set()
    return Diagnosis(case, tuple(id for id in shown if id in blamed))


def _of_success(trajectory: Trajectory) -> str:
    """Direct where every reply held a usable call, none was made twice, and no attempt failed before."""
    calls = [repr(step.call) for step in trajectory.steps if step.call is not None]
    straight = len(calls) == len(set(calls)) == len(trajectory.steps) and trajectory.attempts == 1
    return "direct success" if straight else "indirect success"
