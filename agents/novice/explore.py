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
    """Do with each verb what touches most of the goal's words; then what was never done; then what opens up most."""
    tried = Counter(move.command for move in situation.moves)
    verbs = Counter(read_command(move.command).verb for move in situation.moves)
    touching = [(goal_words_in(o, situation.goal), o) for o in situation.options if not tried[o]]
    most = max((words for words, option in touching if words > _touched(option, situation)), default=0)
    if most:
        return rng.choice([o for words, o in touching if words == most and words > _touched(o, situation)])
    enablers = [read_command(e).verb for mechanic in situation.lessons.mechanics for e in mechanic.enablers]
    unknown = [o for o in situation.options if not verbs[read_command(o).verb] and read_command(o).verb not in enablers]
    ways = [o for o in situation.options if read_command(o).verb in enablers and len(read_command(o).arguments) == 1]
    new = [option for option in ways if option in situation.new_options and not tried[option]]
    choices = unknown or new or ways
    return least_tried(choices, tried, rng) if choices else ""


def _touched(option: str, situation: Situation) -> int:
    """How many of the goal's words commands of this verb, or of one that undoes it, have touched at best."""
    alike = {read_command(option).verb, *situation.lessons.undoing(read_command(option).verb)}
    done = (move.command for move in situation.moves if read_command(move.command).verb in alike)
    return max((goal_words_in(command, situation.goal) for command in done), default=0)


def least_tried(options: Sequence[str], tried: Counter[str], rng: Random) -> str:
    least = min(tried[option] for option in options)
    return rng.choice([option for option in options if tried[option] == least])


def goal_words_in(option: str, goal: str) -> int:
    return sum(mentions(word, option) for word in content_words(goal))
