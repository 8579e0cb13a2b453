"""Episodes in figures: the form in which ``knowhow run --json`` tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from knowhow.environments.types import StopReason, Trajectory, Usage
from knowhow.evals.stats import tried


def summarise(
    trajectories: Sequence[Trajectory],
    *,
    suite: str,
    split: str,
    model: str,
    memory_version: int,
    seconds: float,
    asked: int | None = None,
) -> dict[str, Any]:
    """Rates and means are over finished episodes, None where there are none; ``unfinished`` are those of the ``asked``
    ones that the budget cut off or kept from starting. ``tasks`` are the different ones among the episodes: where one
    is played again, the interval says how far other tasks might differ, not only other episodes of these.

    ``mean_steps`` are decisions, ``mean_actions`` the environment's calls: a skill makes several in one step. A failed
    episode (``errors``) counts as an episode without success. Calls, tokens and cost cover all, unfinished
    ones too.
    """
    finished = [trajectory for trajectory in trajectories if trajectory.stop is not StopReason.BUDGET]
    wins = sum(trajectory.success for trajectory in finished)
    counted = tried((one.task.id, one.success) for one in finished)
    used = sum((trajectory.usage for trajectory in trajectories), Usage())
    n = len(finished)
    return {
        "suite": suite,
        "split": split,
        "model": model,
        "memory_version": memory_version,
        "episodes": n,
        "tasks": counted.tasks,
        "success_rate": wins / n if n else None,
        "ci95": [round(bound, 4) for bound in counted.interval()],
        "mean_reward": sum(trajectory.reward or 0.0 for trajectory in finished) / n if n else None,
        "mean_steps": sum(len(trajectory.steps) for trajectory in finished) / n if n else None,
        "mean_actions": sum(step.actions for t in finished for step in t.steps) / n if n else None,
        "model_calls": used.calls,
        "prompt_tokens": used.prompt_tokens,
        "cached_tokens": used.cached_tokens,
        "completion_tokens": used.completion_tokens,
        "cost_usd": round(used.cost_usd, 6),
        "errors": sum(trajectory.stop is StopReason.ERROR for trajectory in finished),
        "unfinished": (len(trajectories) if asked is None else asked) - n,
        "seconds": round(seconds, 3),
    }
