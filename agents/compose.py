"""``--method`` in words to the attempt it stands for: methods wrap the decider, searches the attempt, the leftmost
outermost."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace

from knowhow.agents.episode import Agent, play
from knowhow.agents.guidance import DECLARED, Guidance
from knowhow.agents.seal import sealed
from knowhow.agents.types import Attempt, Decider
from knowhow.environments.discover import build, find, names, parse, split_list, unknown
from knowhow.environments.types import Suite

METHODS = "knowhow.agents.methods"
SEARCHES = "knowhow.agents.searches"


def compose(suite: Suite, agent: Agent, method: str) -> Attempt:
    """The attempt that ``method`` describes: ``retry(n=3), self_consistency(n=5)``; the plain one where it is empty.

    Raises: UnknownName with the nearest matches, BadSetting where the settings do not fit.
    """
    parts = split_list(method)
    searches = [part for part in parts if is_search(part)]
    decide = methods(agent.decide, ", ".join(part for part in parts if part not in searches))
    attempt = play(suite, replace(agent, decide=decide, method=", ".join(parts)))
    for search in [_search(part, agent.decide) for part in reversed(searches)]:
        search(attempt)  # settings that do not fit are an error now, not in the first episode
        attempt = sealed(search, attempt, agent.meter, reward_visible=suite.reward_visible)
    return attempt


def methods(decide: Decider, specification: str) -> Decider:
    """The decider that a chain of methods makes of this one: ``self_refine, self_consistency(n=5)``; itself where the
    chain is empty.

    Raises: UnknownName, also for a search; BadSetting where the settings do not fit.
    """
    for part in reversed(split_list(specification)):
        decide = build(METHODS, part, decide)
    return decide


def guidance(method: str, *, reward_visible: bool) -> Guidance:
    """What a chain of methods and searches corrects by: the strongest of its parts. Raises: UnknownName, BadSetting."""
    found = [_declared(part)[reward_visible] for part in split_list(method)]
    return max(found, key=list(Guidance).index, default=Guidance.NONE)


def _declared(part: str) -> tuple[Guidance, Guidance]:
    """Where the reward is withheld, and where it is shown."""
    made = find(SEARCHES if is_search(part) else METHODS, parse(part)[0])
    declared: tuple[Guidance, Guidance] = getattr(made, DECLARED, (Guidance.UNDECLARED, Guidance.UNDECLARED))
    return declared


def _search(part: str, ask: Decider) -> Callable[[Attempt], Attempt]:
    def search(attempt: Attempt) -> Attempt:
        made: Attempt = build(SEARCHES, part, attempt, ask)
        return made

    return search


def is_search(part: str) -> bool:
    """Whether a specification names a search; False for a method. Raises: UnknownName, over both together."""
    name, _ = parse(part)
    if ":" in name:
        return next(iter(inspect.signature(find(SEARCHES, name)).parameters), "") == "attempt"
    if name not in names(SEARCHES) + names(METHODS):
        raise unknown("method or search", name, names(METHODS) + names(SEARCHES))
    return name in names(SEARCHES)
