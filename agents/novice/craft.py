"""How the novice writes skills: a plan and what makes what possible, as a Python function with the loop that does the
plan's steps (``agents/novice/errand.py``). Repaired, it knows what its runs have shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from knowhow.agents.novice.attempts import read_attempt
from knowhow.agents.novice.commands import read_command, words_of
from knowhow.agents.novice.lessons import MOST_ENABLERS, Mechanic, Plan, read_lesson
from knowhow.agents.novice.plans import mechanics_of, plan_of
from knowhow.agents.novice.play import ANYTHING
from knowhow.agents.novice.sections import section

_PART = re.compile(r"^# (?:Attempt|Run) (\d+)\nTask: ([^\n]*)\nOutcome: ([^\n]*)\n(.*?)(?=^# |\Z)", re.M | re.S)
_CODE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
_LETTER = re.compile(r"\{([a-z])(2?)\}")


def craft(prompt: str) -> str:
    """The reply to the Skill writer's prompt, or to the Skill repairer's."""
    return _repaired(prompt) if prompt.startswith("# Skill repairer") else _written(prompt)


def _written(prompt: str) -> str:
    """A skill for each wording of which an attempt succeeded, after the shortest of them."""
    attempts = [(int(number), goal, said, read_attempt(told)) for number, goal, said, told in _PART.findall(prompt)]
    known = filter(None, map(read_lesson, section(prompt, "Skills").splitlines()))
    seen = [mechanic for *_, steps in attempts for mechanic in mechanics_of(steps)]
    mechanics = pooled([*seen, *(lesson for lesson in known if isinstance(lesson, Mechanic))])
    best: dict[str, tuple[int, Plan]] = {}
    for number, goal, outcome, steps in attempts:
        plan = plan_of(goal, steps) if "was achieved" in outcome else None
        if plan and _LETTER.search(plan.pattern):
            old = best.get(plan.pattern)
            if old is None or len(plan.steps) < len(old[1].steps):
                best[plan.pattern] = number, plan
    skills = [
        {"name": named(plan), "goal": pattern, "code": code(plan, mechanics), "from": [number]}
        for pattern, (number, plan) in best.items()
    ]
    return json.dumps({"reasoning": f"{len(skills)} wordings were done.", "skills": skills})


def _repaired(prompt: str) -> str:
    """The same plan, with what the runs showed of what makes what possible."""
    old = _CODE.search(prompt)
    lessons = [read_lesson(line) for line in (old[1] if old else "").splitlines()]
    plan = next((lesson for lesson in lessons if isinstance(lesson, Plan)), None)
    if plan is None:
        return json.dumps({"reasoning": "The code does not say what it does.", "code": old[1] if old else ""})
    known = [lesson for lesson in lessons if isinstance(lesson, Mechanic)]
    seen = [mechanic for *_, told in _PART.findall(prompt) for mechanic in mechanics_of(read_attempt(told))]
    better = code(replace(plan, pattern=section(prompt, "Goal")), pooled([*known, *seen]))
    return json.dumps({"reasoning": "What the runs showed was added.", "code": better})


def pooled(mechanics: Iterable[Mechanic]) -> list[Mechanic]:
    """What is said of one kind of command, together."""
    found: dict[str, Mechanic] = {}
    for new in mechanics:
        old = found.get(new.target, new)
        found[new.target] = replace(old, enablers=tuple(dict.fromkeys((*old.enablers, *new.enablers)))[:MOST_ENABLERS])
    return list(found.values())


def named(plan: Plan) -> str:
    """The wording's own words: ``put some {a} on {b}`` is ``put_some_on``."""
    words = re.sub(r"[^a-z0-9]+", "_", " ".join(words_of(_LETTER.sub(" ", plan.pattern)))).strip("_")
    return (words if words[:1].isalpha() else f"do_{words}")[:50].rstrip("_")


def code(plan: Plan, mechanics: Sequence[Mechanic]) -> str:
    """The source of the skill, with all that it needs."""
    letters = list(dict.fromkeys(letter for letter, _ in _LETTER.findall(plan.pattern)))
    lines = [f"What it does: {plan}", "", *map(str, mechanics), "", "Args:"]
    lines += [f"    {letter}: what stands in the place of {{{letter}}} in the task" for letter in letters]
    doc = "\n    ".join(line.replace("\\", "\\\\").replace('"""', "'''") for line in lines)
    steps = "".join(f"        {_step(step)},\n" for step in plan.steps)
    ways = "".join(f"        {_way(mechanic, enabler)},\n" for mechanic in mechanics for enabler in mechanic.enablers)
    given = ", ".join(f"{letter}: str" for letter in letters)
    return (
        f'{_loop()}\n\ndef {named(plan)}({given}) -> str:\n    """{doc}\n    """\n'
        f"    steps = [\n{steps}    ]\n    ways = [\n{ways}    ]\n    return errand(steps, ways, do, now)\n"
    )


def _step(step: str) -> str:
    command = read_command(step)
    free = any("{" in argument for argument in command.arguments)
    return f"({command.verb!r}, [{', '.join(_wanted(argument, free) for argument in command.arguments)}])"


def _wanted(argument: str, free: bool) -> str:
    """What an argument has to be, as source: letters are the function's parameters."""
    letter = _LETTER.fullmatch(argument)
    if letter:
        fields = {"kind": letter[1], "name": repr(letter[1] + letter[2])}
        return _source({**fields, "not": repr(letter[1])} if letter[2] else fields)
    if "{" in argument:
        return _source({"kind": f"f{argument!r}"})
    liked = {} if argument == ANYTHING else {"liked": repr(argument)}
    return _source(liked if free else {"kind": repr(argument)})


def _source(fields: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in fields.items())}}}"


def _way(mechanic: Mechanic, enabler: str) -> str:
    target, opener = read_command(mechanic.target), read_command(enabler)
    return repr((target.verb, _names(target.arguments), opener.verb, _names(opener.arguments)))


def _names(arguments: Sequence[str]) -> list[Any]:
    return [argument.strip("{}") for argument in arguments]


@cache
def _loop() -> str:
    """The loop's source without its own description."""
    text = files("knowhow.agents.novice").joinpath("errand.py").read_text(encoding="utf-8")
    return text.partition('"""\n\n')[2].partition("from __future__ import annotations\n\n")[2].rstrip() + "\n"
