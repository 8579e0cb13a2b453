"""What an attempt says of commands: which made what possible, and, where it went well, which steps did it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowhow.agents.novice.attempts import Done
from knowhow.agents.novice.commands import (
    FILLERS,
    Command,
    content_words,
    kind_of,
    mentions,
    phrase_pattern,
    read_command,
)
from knowhow.agents.novice.lessons import MOST_ENABLERS, Mechanic, Plan
from knowhow.agents.novice.wordings import quotable

LETTERS = "abcdefgh"


def mechanics_of(steps: Sequence[Done]) -> list[Mechanic]:
    """Which command makes which other one possible; where both speak of the same thing, they share a letter."""
    found: dict[str, dict[str, int]] = {}
    for step in steps:
        cause = read_command(step.command)
        for new in map(read_command, step.new):
            if new.verb == cause.verb:
                continue
            names = dict(zip(dict.fromkeys(new.arguments), "xyzuvw", strict=False))
            target = new.verb.format(*(f"{{{names[a]}}}" for a in new.arguments))
            enabler = cause.verb.format(*(f"{{{names.get(a, 'w')}}}" for a in cause.arguments))
            counts = found.setdefault(target, {})
            counts[enabler] = counts.get(enabler, 0) + 1
    return [
        Mechanic(target, tuple(sorted(counts, key=lambda e: (-counts[e], e))[:MOST_ENABLERS]))
        for target, counts in sorted(found.items())
    ]


def plan_of(goal: str, steps: Sequence[Done]) -> Plan | None:
    """The steps that mattered in a good attempt, with the goal's own words for things turned into letters."""
    commands = [read_command(step.command) for step in steps]
    if not commands:
        return None
    slots = slots_of(goal, commands)
    kept = _without_undone(_without_ways(_that_matter(commands, slots), commands, steps), commands, steps)
    names = _things(slots, [commands[at] for at in kept])
    example = pattern = quotable(goal.strip().rstrip("."))
    for letter, phrase in slots.items():
        pattern = _in_goal(phrase, pattern).sub(f"{{{letter}}}", pattern, count=1)
    written = [_written(commands[at], names, slots) for at in kept]
    return Plan(pattern, example, tuple(step for at, step in enumerate(written) if at == 0 or step != written[at - 1]))


def slots_of(goal: str, commands: Sequence[Command]) -> dict[str, str]:
    """The things that both the goal and the commands name, by letter, in the order of the goal.

    A thing is what a command speaks of (``mug``, ``red lamp``), or else a word of it (``north`` in ``north gate``).
    """
    kinds = {kind_of(argument) for command in commands for argument in command.arguments}
    phrases = kinds | {word for kind in kinds for word in content_words(kind)}
    spans: list[tuple[int, int, str]] = []
    spoken = {phrase: count for phrase in phrases - FILLERS if (count := _commands_with(phrase, commands))}
    for phrase in sorted(spoken, key=lambda phrase: (-spoken[phrase], -len(phrase), phrase)):
        found = _in_goal(phrase, goal).search(goal)
        if found and not any(start < found.end() and found.start() < end for start, end, _ in spans):
            spans.append((found.start(), found.end(), phrase))
    return {letter: phrase for letter, (_, _, phrase) in zip(LETTERS, sorted(spans), strict=False)}


def _in_goal(phrase: str, goal: str) -> re.Pattern[str]:
    """Finds a phrase in a goal, which may speak of several: ``name`` in ``names``."""
    exact = phrase_pattern(phrase)
    return exact if exact.search(goal) else re.compile(rf"(?<![\w-]){re.escape(phrase)}(?=s(?![\w-]))", re.IGNORECASE)


def _commands_with(phrase: str, commands: Sequence[Command]) -> int:
    """How many different commands speak of it: ``red`` in ``red key`` and ``red door`` says more than ``red door``."""
    return len({command for command in commands if any(mentions(phrase, a) for a in command.arguments)})


def _that_matter(commands: Sequence[Command], slots: dict[str, str]) -> list[int]:
    """Commands about the goal's things, as far as they hang together with the last command about each; all where there
    are no slots."""
    if not slots:
        return list(range(len(commands)))
    patterns = [phrase_pattern(phrase) for phrase in slots.values()]
    things = [frozenset(found[0] for a in c.arguments for p in patterns if (found := p.search(a))) for c in commands]
    last = {max(at for at, own in enumerate(things) if any(p.search(thing) for thing in own)) for p in patterns}
    keep = {len(commands) - 1, *last}
    for _ in slots:
        related = {thing for at in keep for thing in things[at]}
        keep |= {at for at, own in enumerate(things) if own & related}
    return sorted(keep)


def _without_ways(kept: list[int], commands: Sequence[Command], steps: Sequence[Done]) -> list[int]:
    """Without the commands that only lead to where a later one is possible: the mechanics say that anyway."""
    ways = {
        read_command(enabler).verb
        for mechanic in mechanics_of(steps)
        for enabler in mechanic.enablers
        if read_command(mechanic.target).verb in {commands[at].verb for at in kept}
        and len(read_command(enabler).arguments) < len(read_command(mechanic.target).arguments)
    }
    return [at for at in kept if commands[at].verb not in ways or at == kept[-1]]


def _without_undone(kept: list[int], commands: Sequence[Command], steps: Sequence[Done]) -> list[int]:
    """Without pairs in which one command was undone and then done again."""
    kept = list(kept)
    for at in list(kept):
        first = next((i for i in kept if i < at and _same_deed(commands[i], commands[at])), None)
        undone = next(
            (i for i in kept if first is not None and first < i < at and steps[at].command in steps[i].new), None
        )
        if undone is not None:
            kept = [i for i in kept if i not in (undone, at)]
    return kept


def _same_deed(one: Command, other: Command) -> bool:
    return one.verb == other.verb and one.arguments[:1] == other.arguments[:1] != ()


def _things(slots: dict[str, str], commands: Sequence[Command]) -> dict[str, str]:
    """Each thing of a slot's kind by its letter; the second thing of a kind gets the letter with a 2."""
    names: dict[str, str] = {}
    for letter, kind in slots.items():
        things = dict.fromkeys(a for command in commands for a in command.arguments if kind_of(a) == kind)
        for number, thing in enumerate(things):
            names[thing] = letter if number == 0 else f"{letter}2"
    return names


def _written(command: Command, names: dict[str, str], slots: dict[str, str]) -> str:
    return command.verb.format(
        *(f"{{{names[a]}}}" if a in names else _with_letters(a, slots) for a in command.arguments)
    )


def _with_letters(argument: str, slots: dict[str, str]) -> str:
    """``north gate`` is ``{b} gate`` where ``{b}`` is north; what names nothing of the goal is told by its kind."""
    text = kind_of(argument)
    for letter, phrase in slots.items():
        text = phrase_pattern(phrase).sub(f"{{{letter}}}", text)
    return f'"{text}"' if argument.startswith('"') else text
