"""Killing an engine in the middle of its work: a browser, a Java program, or a process forked for an episode."""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from random import Random

from knowhow.evals.benches.soaking.footprint import descendants, name

PROGRAMS = frozenset({"java", "chrome", "chromium", "headless_shell", "chrome-headless", "firefox"})


def kill_an_engine(dice: Random, spared: Collection[int] = ()) -> bool:
    """Kill -9 one of the engines below this process, but none that is ``spared`` or that a spared one started; False
    where there is none."""
    engines = engines_of(_without(spared, descendants(os.getpid())), os.getpid())
    if not engines:
        return False
    with suppress(ProcessLookupError):
        os.kill(dice.choice(engines), signal.SIGKILL)
    return True


def _without(spared: Collection[int], family: Mapping[int, int]) -> dict[int, int]:
    """The family without the spared and all below them; parents come before their children in it."""
    out = set(spared)
    for pid, parent in family.items():
        if parent in out:
            out.add(pid)
    return {pid: parent for pid, parent in family.items() if pid not in out}


def engines_of(family: Mapping[int, int], root: int) -> list[int]:
    """Of processes, each with its parent: the programs that are engines, without the helpers that they started; where
    there are none, what was forked from a child of ``root``."""
    names = {pid: name(pid) for pid in family}
    programs = [pid for pid, parent in family.items() if names[pid] in PROGRAMS and names.get(parent) not in PROGRAMS]
    return programs or [pid for pid, parent in family.items() if parent != root and pid not in family.values()]
