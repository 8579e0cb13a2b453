"""ALFWorld's engine in a process of its own: one game and the commands that it takes (see ``environments/worker.py``).

The engine is ``textworld.envs.PddlEnv`` with ALFWorld's names for things. Two habits cost it most of its time: it
parses the same templates again for every command of every step, and it translates each game four times, two of them for
a planner that nobody asks here. ``prepare`` remembers what was parsed and drops the rest; what the engine says and does
stays the same to the letter.

This file imports nothing of its own package: the process that loads it may not have it.
"""

from __future__ import annotations

import copy
import functools
import gc
from collections.abc import Callable, Mapping
from typing import Any


class Engine:
    """One game, from the content of its game file to its end."""

    def reset(self, game: Mapping[str, Any]) -> dict[str, Any]:
        """Start the game: what is seen (``text``), the admissible ``commands``, whether the goal is met (``won``)."""
        import textworld
        from alfworld.agents.environment.alfred_tw_env import AlfredDemangler
        from textworld.envs import PddlEnv

        gc.disable()  # a quarter of the time to load a game; the process does not outlive it
        self._env = AlfredDemangler(PddlEnv(textworld.EnvInfos(won=True, admissible_commands=True)))
        self._env.load(game)
        return _seen(self._env.reset())

    def step(self, command: str) -> dict[str, Any]:
        state, _, _ = self._env.step(command)
        return _seen(state)


def prepare() -> None:
    """Load the engine once, before the processes that play are forked from this one. Raises: ImportError."""
    import fast_downward
    from alfworld.agents.environment import alfred_tw_env  # noqa: F401
    from textworld.envs.pddl import textgen
    from textworld.logic import Rule

    planner = fast_downward.load_lib()
    planner.load_sas_replan = lambda sas: None
    fast_downward.load_lib = lambda: planner
    fast_downward.pddl2sas = _translate_once(fast_downward.pddl2sas)
    textgen._parse_and_convert = _parse_once(textgen._parse_and_convert)
    textgen.copy_context = _copy_context
    Rule.parse_conjunctive_query = functools.cache(Rule.parse_conjunctive_query)
    _warm_up()


def _warm_up() -> None:
    """Parse what every game will need: the grammar's texts, conditions and command templates."""
    from alfworld.info import ALFRED_PDDL_PATH, ALFRED_TWL2_PATH
    from textworld.envs.pddl import logic, textgen
    from textworld.logic import Rule

    with open(ALFRED_PDDL_PATH) as domain, open(ALFRED_TWL2_PATH) as grammar:  # noqa: PTH123
        game = logic.GameLogic(domain.read(), grammar.read())
    for action in game.actions.values():
        textgen._parse_and_convert(action.template, rule_name="symbols")
        textgen._parse_and_convert(action.feedback_rule, rule_name="symbols")
    for rule in (rule for rules in game.grammar._rules.values() for rule in rules if rule.condition):
        Rule.parse_conjunctive_query(rule.condition)


def _seen(state: Any) -> dict[str, Any]:
    return {"text": state["feedback"], "commands": state["admissible_commands"], "won": bool(state["won"])}


def _translate_once(translate: Callable[..., Any]) -> Callable[..., Any]:
    """A game is translated when it is loaded and again when it is reset; what is optimised is for the planner alone."""
    translate = functools.lru_cache(maxsize=1)(translate)

    def once(domain: str, problem: str, verbose: bool = False, optimize: bool = False) -> Any:
        return (None, "") if optimize else translate(domain, problem)

    return once


def _parse_once(parse: Callable[..., Any]) -> Callable[..., Any]:
    """Symbols are changed by who derives a text from them, so each gets a copy of its own."""
    parse = functools.cache(parse)
    return lambda text, rule_name, trace=False: copy.deepcopy(parse(text, rule_name=rule_name))


def _copy_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """Upstream copies every variable deeply, though only the two dicts are ever changed."""
    return {**context, "variables": dict(context["variables"]), "mapping": dict(context["mapping"])}
