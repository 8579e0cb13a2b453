"""The loop that the novice writes into its skills: do these steps in this order, finding what is not there yet.

A skill takes this text along, so it imports nothing of its own package. A step is a verb, such as ``take {} from {}``,
with what each argument has to be. ``ways`` are mechanics: (verb, its letters, verb that opens it, that one's letters).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

ENOUGH = 2
Wanted = dict[str, str]
Step = tuple[str, list[Wanted]]
Way = tuple[str, list[str], str, list[str]]


def errand(steps: list[Step], ways: list[Way], do: Callable[[str], Any], now: Callable[[], Any]) -> str:
    """Do the steps; says how far it came. In a step, ``name`` is a thing that later steps mean as well."""
    moves: list[tuple[str, str]] = []
    bound: dict[str, str] = {}
    new: set[str] = set()
    at = since = 0
    while at < len(steps) and not now().done:
        ahead = [(verb, [settled(one, bound) for one in wanted]) for verb, wanted in steps[at:]]
        last = next((n for n, step in enumerate(ahead) if not is_settled(step[1])), len(ahead) - 1)
        found = (pursue(step, ways, now(), moves, since, new) for step in ahead[: last + 1])
        command = next((one for one in found if one), "") or guess(ahead[0], now(), moves[since:], new)
        if not command:
            return f"After {at} of {len(steps)} steps there is no way on."
        before = set(now().commands or ())
        seen = do(command)
        new = set(seen.commands or ()) - before
        moves.append((command, seen.text))
        done = next((n for n, (verb, wanted) in enumerate(ahead[: last + 1]) if admits(verb, wanted, command)), None)
        if done is not None:
            verb, wanted = steps[at + done]
            for one, thing in zip(wanted, things_of(verb, command) or [], strict=True):
                if "name" in one:
                    bound.setdefault(one["name"], thing)
            at, since = at + done + 1, len(moves)
    return "All steps are done." if at == len(steps) else "It is over."


def settled(wanted: Wanted, bound: dict[str, str]) -> Wanted:
    """With what is known by now of the thing that is meant."""
    known = {"thing": bound[wanted["name"]]} if wanted.get("name") in bound else {}
    other = {"other": bound[wanted["not"]]} if wanted.get("not") in bound else {}
    return {**wanted, **known, **other}


def is_settled(wanted: list[Wanted]) -> bool:
    """Nothing that it names is still to be found."""
    return all("thing" in one or "kind" not in one for one in wanted)


def things_of(verb: str, command: str) -> list[str] | None:
    """The arguments of a command of this verb; None where it is of another."""
    found = re.fullmatch(re.escape(verb).replace(r"\{\}", "(.+?)"), command)
    return list(found.groups()) if found else None


def kind_of(thing: str) -> str:
    """``mug 1`` is a ``mug``."""
    return re.sub(r"[ _-]?\d+$", "", thing.strip('"')).lower() or thing


def sort_of(command: str) -> str:
    """The command with no numbers: ``go to shelf 2`` is a ``go to shelf``."""
    return re.sub(r"[ _-]?\d+\b", "", command)


def fits(wanted: Wanted, thing: str) -> bool:
    if "thing" in wanted:
        return thing == wanted["thing"]
    if thing == wanted.get("other"):
        return False
    kind = wanted.get("kind", "").lower()
    return not kind or kind in (kind_of(thing), thing.strip('"').lower())


def admits(verb: str, wanted: list[Wanted], command: str) -> bool:
    things = things_of(verb, command)
    return things is not None and len(things) == len(wanted) and all(map(fits, wanted, things))


def liked(verb: str, wanted: list[Wanted], command: str) -> int:
    return sum(kind_of(t) == one.get("liked") for one, t in zip(wanted, things_of(verb, command) or [], strict=True))


def possible(step: Step, commands: list[str]) -> list[str]:
    """The commands that are what is wanted, best liked first."""
    return sorted((c for c in commands if admits(*step, c)), key=lambda command: -liked(*step, command))


def pursue(step: Step, ways: list[Way], seen: Any, moves: list[tuple[str, str]], since: int, new: set[str]) -> str:
    """The step itself where it is possible, else the best way towards it; empty where there is none that is new.

    What takes nothing back and was tried least comes first; then what leads to where a wanted thing was seen, then what
    has just become possible, then what the step likes, then the kind of command that was given least: of many places,
    one of each kind is looked at before all of one kind are.
    """
    commands = list(seen.commands or ())
    ready = possible(step, commands)
    if ready:
        return ready[0]
    tried = Counter(command for command, _ in moves[since:])
    alike = Counter(sort_of(command) for command, _ in moves)
    places = sightings(step, ways, moves)
    found = []
    for place, (command, deep, likes, arguments) in enumerate(towards(step, ways, commands, 2)):
        undoes = takes_back(command, ways, moves[max(0, since - 1) :])
        elsewhere, old = not places & set(arguments), command not in new
        rank = (undoes, tried[command], deep, elsewhere, old, -likes, alike[sort_of(command)], place)
        found.append((rank, command))
    hoped = [one for one in found if one[0][5]] if any("liked" in one for one in step[1]) else found
    stale = all(rank[1] >= ENOUGH for rank, _ in found)
    stale = stale or (is_settled(step[1]) and all(rank[0] or rank[1] for rank, _ in hoped))
    return "" if stale else min(found)[1]


def guess(step: Step, seen: Any, moves: list[tuple[str, str]], new: set[str]) -> str:
    """Where no way is known: what was not tried yet and names what is wanted, first what has just become possible."""
    phrases = [one.get("thing") or one.get("kind") or "" for one in step[1]]
    patterns = [naming(phrase) for phrase in phrases if phrase]
    tried = {command for command, _ in moves}
    named = [c for c in seen.commands or () if c not in tried and any(p.search(c) for p in patterns)]
    return min(named, key=lambda command: command not in new, default="")


def towards(step: Step, ways: list[Way], commands: list[str], depth: int) -> Iterator[tuple[str, int, int, list[str]]]:
    """(command, how indirect, how well liked, its arguments) of all that leads towards the step."""
    for verb, letters, opener, names in ways:
        if verb == step[0]:
            meant = dict(zip(letters, step[1], strict=False))
            first = (opener, [meant.get(name, {}) for name in names])
            for command in possible(first, commands):
                yield command, 2 - depth, liked(*first, command), things_of(opener, command) or []
            if depth > 1:
                yield from towards(first, ways, commands, depth - 1)


def takes_back(command: str, ways: list[Way], moves: list[tuple[str, str]]) -> bool:
    """Whether it undoes what was done: each of the two makes the other possible, on the same things."""
    pairs = {(verb, opener) for verb, letters, opener, names in ways if set(letters) == set(names)}
    for verb, opener in pairs:
        own = things_of(verb, command)
        if own is not None and (opener, verb) in pairs:
            done = [things_of(opener, move) for move, _ in moves]
            if any(things is not None and set(things) == set(own) for things in done):
                return True
    return False


def sightings(step: Step, ways: list[Way], moves: list[tuple[str, str]]) -> set[str]:
    """The arguments of the commands after which a wanted thing was seen."""
    verbs = dict.fromkeys(verb for way in ways for verb in (way[0], way[2]))
    places: set[str] = set()
    for one in step[1]:
        phrase = one.get("thing") or one.get("kind")
        if not phrase:
            continue
        for command, text in moves:
            if any(found != one.get("other") for found in naming(phrase).findall(text)):
                places.update(thing for verb in verbs for thing in things_of(verb, command) or [])
    return places


def naming(phrase: str) -> re.Pattern[str]:
    """Finds a phrase with a number behind it or none."""
    return re.compile(rf"(?<![\w-]){re.escape(phrase)}(?: \d+)?(?![\w-])", re.IGNORECASE)
