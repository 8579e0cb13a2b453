"""What the novice does where nothing advises it: it tries what it has tried least, with a weak liking for the goal's
words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from knowhow.agents.novice.commands import content_words, mentions, read_command
from knowhow.agents.novice.reading import Situation

GOAL_LIKING = 0.25
"""How often an untried command that mentions a word of the goal is preferred."""


def explore(situation: Situation, rng: Random) -> str:
    """A possible command, or an empty string where none is listed."""
    if not situation.options:
        return ""
    tried = Counter(move.command for move in situation.moves)
    if rng.random() < GOAL_LIKING:
        liked = [o for o in situation.options if not tried[o] and goal_words_in(o, situation.goal)]
        if liked:
            return rng.choice(liked)
    verbs = Counter(read_command(move.command).verb for move in situation.moves)
    least = min(verbs[read_command(option).verb] for option in situation.options)
    return least_tried([o for o in situation.options if verbs[read_command(o).verb] == least], tried, rng)


def wander(situation: Situation, rng: Random) -> str:
    """Do what touches most of the goal's words and was not done yet; else what, by the lessons, makes most things possible."""
    tried = Counter(move.command for move in situation.moves)
    touching = [(goal_words_in(option, situation.goal), option) for option in situation.options if not tried[option]]
    most = max((words for words, _ in touching), default=0)
    if most:
        return rng.choice([option for words, option in touching if words == most])
    enablers = (enabler for mechanic in situation.lessons.mechanics for enabler in mechanic.enablers)
    opens = Counter(read_command(enabler).verb for enabler in enablers)
    ways = [o for o in situation.options if opens[read_command(o).verb] and len(read_command(o).arguments) == 1]
    new = [option for option in ways if option in situation.new_options and not tried[option]]
    return least_tried(new or ways, tried, rng) if ways else ""


def least_tried(options: Sequence[str], tried: Counter[str], rng: Random) -> str:
    least = min(tried[option] for option in options)
    return rng.choice([option for option in options if tried[option] == least])


def goal_words_in(option: str, goal: str) -> int:
    return sum(mentions(word, option) for word in content_words(goal))
