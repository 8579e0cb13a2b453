"""Commands that are wanted, and ways to make them possible by what the lessons say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from knowhow.agents.novice.commands import Command, kind_of, phrase_pattern, read_command
from knowhow.agents.novice.reading import Situation

ENOUGH = 2
"""How often a way is tried before it counts as leading nowhere."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an argument has to be: of a ``kind``, exactly a ``thing``, not ``other_than``; ``liked`` is a wish, empty
    fields ask nothing."""

    kind: str = ""
    thing: str = ""
    other_than: str = ""
    liked: str = ""

    def admits(self, argument: str) -> bool:
        if self.thing:
            return argument == self.thing
        if self.other_than and argument == self.other_than:
            return False
        return not self.kind or kind_of(argument) == self.kind or argument.strip('"').lower() == self.kind


@dataclass(frozen=True, slots=True)
class Target:
    verb: str
    wanted: tuple[Wanted, ...]

    def admits(self, command: Command) -> bool:
        return (
            command.verb == self.verb
            and len(command.arguments) == len(self.wanted)
            and all(wanted.admits(argument) for wanted, argument in zip(self.wanted, command.arguments, strict=True))
        )

    @property
    def settled(self) -> bool:
        """Nothing that it names is still to be found."""
        return all(wanted.thing or not wanted.kind for wanted in self.wanted)

    def likes(self, command: Command) -> int:
        return sum(
            kind_of(argument) == wanted.liked for wanted, argument in zip(self.wanted, command.arguments, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """A command to give, and the ids of the lessons that led to it; ``stale`` where it was tried, to no avail."""

    command: str
    lessons: tuple[str, ...] = ()
    stale: bool = False


def possible(target: Target, situation: Situation) -> list[str]:
    """The options that are what is wanted, best liked first."""
    found = [option for option in situation.options if target.admits(read_command(option))]
    return sorted(found, key=lambda option: -target.likes(read_command(option)))


def pursue(target: Target, situation: Situation, since: int, rng: Random) -> Choice | None:
    """The target itself where it is possible, else the best way towards it; None where no lesson knows one.

    What takes nothing back and was tried least since move ``since`` comes first; then what leads to where a wanted
    thing was seen, then what has just become possible, then what the target likes.
    """
    now = possible(target, situation)
    if now:
        return Choice(now[0])
    tried = Counter(move.command for move in situation.moves[since:])
    places, new = _sightings(target, situation), situation.new_options
    ways = []
    for option, command, lesson, depth, liked in _ways(target, situation, 2):
        seen = bool(places & set(command.arguments))
        undoes = _undoes(command, situation, since)
        ways.append((undoes, tried[option], depth, not seen, option not in new, -liked, rng.random(), option, lesson))
    if not ways:
        return None
    hoped = [way for way in ways if way[5]] if any(wanted.liked for wanted in target.wanted) else ways
    stale = all(way[1] >= ENOUGH for way in ways) or (target.settled and all(way[0] or way[1] for way in hoped))
    *_, option, lesson = min(ways)
    return Choice(option, (lesson,) if lesson else (), stale)


def _undoes(command: Command, situation: Situation, since: int) -> bool:
    """Whether it only takes back what was done just before move ``since``, or after it."""
    verbs = situation.lessons.undoing(command.verb)
    done = (read_command(move.command) for move in situation.moves[max(0, since - 1) :])
    return any(one.verb in verbs and set(one.arguments) == set(command.arguments) for one in done)


def _ways(target: Target, situation: Situation, depth: int) -> Iterator[tuple[str, Command, str, int, int]]:
    """(option, as command, lesson id, how indirect, how well liked) of every option that leads towards the target."""
    for mechanic, pattern, enabler in situation.lessons.enabling(target.verb):
        names = dict(zip(pattern.arguments, target.wanted, strict=False))
        step = Target(enabler.verb, tuple(names.get(argument, Wanted()) for argument in enabler.arguments))
        for option in possible(step, situation):
            command = read_command(option)
            yield option, command, mechanic.id, 2 - depth, step.likes(command)
        if depth > 1:
            yield from _ways(step, situation, depth - 1)


def _sightings(target: Target, situation: Situation) -> set[str]:
    """The arguments of the commands after which a wanted thing was seen."""
    places: set[str] = set()
    for wanted in target.wanted:
        phrase = wanted.thing or wanted.kind
        if not phrase:
            continue
        pattern = phrase_pattern(phrase)
        for move in situation.moves:
            if any(found != wanted.other_than for found in pattern.findall(move.seen)):
                places.update(read_command(move.command).arguments)
        places.update(_hinted(pattern, situation.hint))
    return places


def _hinted(pattern: re.Pattern[str], hint: str) -> set[str]:
    """What an earlier attempt noted: ``mug 1 was seen after `go to shelf 2`.``"""
    notes = re.findall(r"([^.`]+) was seen after `([^`]+)`", hint)
    return {
        argument for thing, command in notes if pattern.search(thing) for argument in read_command(command).arguments
    }
