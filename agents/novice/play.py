"""One decision of the novice: call the skill that memory has for this wording, go by its habits, or follow its plan;
else improvise from mechanics; else explore."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random

from knowhow.agents.novice.commands import Command, content_words, read_command, verb_word
from knowhow.agents.novice.explore import explore, wander
from knowhow.agents.novice.lessons import Lessons, Plan
from knowhow.agents.novice.reading import Situation
from knowhow.agents.novice.seen import seen_of
from knowhow.agents.novice.targets import Choice, Target, Wanted, pursue
from knowhow.agents.novice.wordings import guessed, letters_in, likeness, matched
from knowhow.environments.calls import render_call
from knowhow.environments.types import ToolCall

_VARIABLE = re.compile(r"\{([a-z])(2?)\}$")
ANYTHING = "anything"
LEAST_LIKENESS = 0.3
"""Plans for a wording less like the goal's than this are left alone."""
EVEN = 0.5
"""The record of a plan of which nothing is known, or which failed as often as not."""
DETOURS = 0.75
"""How often a plan for another wording is tried with one more thing done before its last step."""
WANDERING = 0.7
"""How often, where no plan fits, the novice goes by the goal's words rather than by a plan that it makes up."""
DOUBT = 0.25
"""How often a plan for the same words in another order is treated as a guess."""
OMISSIONS = 0.5
"""How often it is tried with one of its steps left out."""


SURENESS = 2.0
"""How much more often than by its share the command is given that fits best."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A plan with what its letters stand for here; ``exact`` where it was learned for this very wording, ``alike``
    where for one of the same words in another order."""

    plan: Plan
    slots: Mapping[str, str]
    exact: bool
    alike: bool = False


def choose(situation: Situation, seed: int) -> Choice:
    """The next command; an empty one where the prompt lists none."""
    skill = by_skill(situation)
    if skill:
        return skill
    episode = Random(f"{seed}/{situation.goal}")
    step = Random(f"{seed}/{situation.goal}/{len(situation.moves)}")
    usual = by_habit(situation, step)
    if usual:
        return usual
    fit = best_fit(situation)
    if fit is None and episode.random() < WANDERING:
        return Choice(wander(situation, step) or explore(situation, step))
    fit = fit or improvise(situation.lessons, situation.goal, episode)
    choice = follow(fit, situation, episode, step) if fit else None
    return choice or Choice(explore(situation, step))


def by_skill(situation: Situation) -> Choice | None:
    """The call of a skill for this very wording, the best proven first, each once."""
    called = {verb_word(read_command(move.command)) for move in situation.moves}
    for skill in sorted(situation.skills, key=lambda skill: skill.plan.harmful - skill.plan.helpful):
        plan = skill.plan
        slots = matched(plan, situation.goal) if plan.example else letters_in(plan.pattern, situation.goal)
        if slots and not plan.doubtful and skill.tool not in called:
            return Choice(render_call(ToolCall(skill.tool, slots)), (plan.id,))
    return None


def by_habit(situation: Situation, rng: Random) -> Choice | None:
    """What is seen speaks for it, where there are habits for this wording. What changed nothing is not done again, what
    was done at the same sight before seldom."""
    known = ((habits, letters_in(habits.pattern, situation.goal)) for habits in situation.lessons.habits)
    habits, slots = next((one for one in known if one[1] is not None), (None, None))
    if habits is None or slots is None or not situation.options:
        return None
    *before, now = [situation.opening, *(move.seen for move in situation.moves)]
    here = [move for sight, move in zip(before, situation.moves, strict=True) if sight == now]
    tried = Counter(move.command for move in here)
    idle = {move.command for move in here if move.seen == now}
    seen = seen_of(now, slots)
    options = [option for option in situation.options if option not in idle] or list(situation.options)
    worth = [habits.worth(option, seen, len(situation.options)) - log(1 + tried[option]) for option in options]
    weights = [exp(SURENESS * (one - max(worth))) for one in worth]
    return Choice(rng.choices(options, weights)[0], (habits.id,))


def best_fit(situation: Situation) -> Fit | None:
    """The plan for the wording most like the goal's; of equally like ones the one with the better record. Of plans for
    another wording, which may hold what only that one needs, the shortest that did not mostly fail."""
    fits = []
    for plan in situation.lessons.plans:
        exact = matched(plan, situation.goal)
        alike = 2.0 if exact is not None else likeness(plan.pattern, situation.goal)
        slots = exact if exact is not None else guessed(plan.pattern, situation.goal)
        if alike >= LEAST_LIKENESS and slots is not None:
            record = (plan.helpful + 1) / (plan.helpful + plan.harmful + 2)
            fit = Fit(plan, slots, exact is not None, alike == 1)
            good = record if fit.exact else float(record >= EVEN)
            fits.append((alike, good, -len(plan.steps), record, plan.id, fit))
    return max(fits, key=lambda fit: fit[:-1])[-1] if fits else None


def improvise(lessons: Lessons, goal: str, rng: Random) -> Fit | None:
    """A plan made up from mechanics alone: do something with the last two things that the goal names."""
    things = content_words(goal)[-2:]
    commands = [(mechanic, read_command(mechanic.target)) for mechanic in lessons.mechanics]
    pairs = [(mechanic, command) for mechanic, command in commands if len(command.arguments) == 2]
    if len(things) < 2 or not pairs:
        return None
    named = [pair for pair in pairs if verb_word(pair[1]) in content_words(goal)]
    mechanic, last = rng.choice(named or pairs)
    first = [
        command
        for command in map(read_command, mechanic.enablers)
        if len(command.arguments) == 2 and command.arguments[0] == last.arguments[0] and command.verb != last.verb
    ]
    steps = [*(command.verb.format("{a}", ANYTHING) for command in first[:1]), last.verb.format("{a}", "{b}")]
    return Fit(Plan("", "", tuple(steps)), {"a": things[0], "b": things[1]}, exact=False)


def follow(fit: Fit, situation: Situation, episode: Random, rng: Random) -> Choice | None:
    """The plan's next step, or what leads to it; None where the plan is through, or no way on is known."""
    steps = _rounds(fit, situation, episode)
    done, since, bound = 0, 0, dict[str, str]()
    for number, move in enumerate(situation.moves):
        command = read_command(move.command)
        at = _which(steps, done, command, fit.slots, bound)
        if at is not None:
            _bind(steps[at], command, bound)
            done, since = at + 1, number + 1
    used = (fit.plan.id,) if fit.plan.id else ()
    for at in _reachable(steps, done, fit.slots, bound):
        choice = pursue(_target(steps[at], fit.slots, bound), situation, since, rng)
        if choice and not choice.stale:
            return Choice(choice.command, (*used, *choice.lessons))
    return None


def _reachable(steps: list[Command], done: int, slots: Mapping[str, str], bound: Mapping[str, str]) -> Iterator[int]:
    """The next step, and those behind it as far as the ones between may be passed over: they only do something to what
    was found already, and may not be possible with it."""
    for at in range(done, len(steps)):
        yield at
        if not _target(steps[at], slots, bound).settled:
            return


def _which(
    steps: list[Command], done: int, command: Command, slots: Mapping[str, str], bound: Mapping[str, str]
) -> int | None:
    """Which step a command was."""
    reachable = _reachable(steps, done, slots, bound)
    return next((at for at in reachable if _target(steps[at], slots, bound).admits(command)), None)


def _rounds(fit: Fit, situation: Situation, episode: Random) -> list[Command]:
    """What to do, and what to do next where that was not enough: the same in another order, or with another thing."""
    steps = [read_command(step) for step in fit.plan.steps]
    if fit.exact and not fit.plan.doubtful:
        return steps + episode.sample(steps, len(steps))
    if fit.exact:
        vary = episode.choice((_reordered, _shortened, _extended, _as_it_is))
        once = vary(steps, situation, episode)
    elif fit.alike and episode.random() > DOUBT:
        once = steps
    else:
        once = _extended(_shortened(steps, situation, episode), situation, episode)
    return once + (_with_another(once) or episode.sample(once, len(once)))


def _as_it_is(steps: list[Command], situation: Situation, episode: Random) -> list[Command]:
    return steps


def _reordered(steps: list[Command], situation: Situation, episode: Random) -> list[Command]:
    return episode.sample(steps, len(steps))


def _shortened(steps: list[Command], situation: Situation, episode: Random) -> list[Command]:
    """Often with a step left out, never the first or the last."""
    left_out = episode.randrange(1, len(steps) - 1) if len(steps) > 2 and episode.random() < OMISSIONS else -1
    return [step for at, step in enumerate(steps) if at != left_out]


def _extended(steps: list[Command], situation: Situation, episode: Random) -> list[Command]:
    return [*steps[:-1], *_detour(steps, situation, episode), *steps[-1:]]


def _with_another(steps: list[Command]) -> list[Command]:
    if any("2}" in argument for step in steps for argument in step.arguments):
        return []
    return [Command(step.verb, tuple(argument.replace("{a}", "{a2}") for argument in step.arguments)) for step in steps]


def _detour(steps: list[Command], situation: Situation, episode: Random) -> list[Command]:
    """One more thing to do with what the plan handles: what the goal names, else a guess, else nothing."""
    known = {step.verb for step in steps}
    targets = [read_command(mechanic.target) for mechanic in situation.lessons.mechanics]
    others = [target for target in targets if len(target.arguments) == 2 and target.verb not in known]
    named = [target for target in others if verb_word(target) in content_words(situation.goal)]
    if len(steps) < 2 or not others or (not named and episode.random() > DETOURS):
        return []
    return [Command(episode.choice(named or others).verb, ("{a}", ANYTHING))]


def _target(step: Command, slots: Mapping[str, str], bound: Mapping[str, str]) -> Target:
    free = any("{" in argument for argument in step.arguments)
    return Target(step.verb, tuple(_wanted(argument, slots, bound, free) for argument in step.arguments))


def _wanted(argument: str, slots: Mapping[str, str], bound: Mapping[str, str], free: bool) -> Wanted:
    argument = argument.strip('"')
    variable = _VARIABLE.match(argument)
    if not variable and "{" in argument:
        return Wanted(kind=re.sub(r"\{([a-z])\}", lambda found: slots.get(found[1], ""), argument))
    if not variable:
        liked = "" if argument == ANYTHING else argument
        return Wanted(liked=liked) if free else Wanted(kind=argument)
    letter, second = variable.groups()
    other = bound.get(letter, "") if second else ""
    return Wanted(kind=slots.get(letter, ""), thing=bound.get(letter + second, ""), other_than=other)


def _bind(step: Command, command: Command, bound: dict[str, str]) -> None:
    for argument, value in zip(step.arguments, command.arguments, strict=True):
        variable = _VARIABLE.match(argument)
        if variable:
            bound.setdefault(variable[1] + variable[2], value)
