"""The finished episodes of a run: what measures of confidence, of judges and of self-correction are taken on."""

from __future__ import annotations

from pathlib import Path

from knowhow.environments.errors import BadSetting
from knowhow.environments.types import StopReason, Trajectory
from knowhow.evals.folder import read_about
from knowhow.memory.episodes import Episodes

PHASES = {"run": "run", "evolve": "after"}
"""By the kind of a run folder: the phase that says how good its agent is."""


def finished(folder: Path, phase: str = "") -> dict[int, Trajectory]:
    """By their place in the phase, those whose outcome is known; the phase is by default that of ``PHASES``.

    Raises: MemoryDamaged; BadSetting where there are none.
    """
    phase = phase or PHASES[read_about(folder)["kind"]]
    with Episodes.open(folder) as store:
        places = [row.index for row in store.summaries(phase, 0)]
        found = dict(zip(places, store.find(phase, 0), strict=True))
        known = sorted({row.phase for row in store.summaries()}) if not found else []
    found = {place: one for place, one in found.items() if one.reward is not None and one.stop is not StopReason.BUDGET}
    if not found:
        have = f"its phases are {', '.join(known)}" if known else "run it first"
        raise BadSetting(f"{folder} has no finished episodes in the phase {phase!r}; {have}")
    return found
