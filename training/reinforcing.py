"""GRPO over whole episodes, with the environment in the loop (arXiv 2402.03300): TRL's trainer, our episodes.

A group is one task in one world, tried several times. What is trained on is what was sampled, token by token: the first
prompt, then all replies with the observations between them, of which only the replies' tokens count.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, replace
from typing import Any

from knowhow.agents.rollout import Job as Episode
from knowhow.agents.samples import unfolded
from knowhow.agents.seeds import child_seed
from knowhow.environments.calls import SKILL
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Sample, StopReason, Suite, Task, Trajectory
from knowhow.training.apart import wait_for
from knowhow.training.live import Live
from knowhow.training.recipe import Job
from knowhow.training.tuning import arguments, open_base, quiet, run, save_whole, with_adapter


@dataclass(frozen=True, slots=True)
class Reinforcement:
    """``group``: attempts at a task in an update, at least 2; ``beta``: how strongly the adapter is held to what it
    began from; ``temperature`` of the replies; ``most_steps``: actions of an episode, those that
    abilities make too (0: as the suite says); ``skill_bonus``: what a success earns besides where it called an ability
    that memory offered (arXiv 2512.17102)."""

    group: int = 8
    beta: float = 0.02
    temperature: float = 1.0
    most_steps: int = 0
    skill_bonus: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Rollout:
    """An episode as the trainer takes it; the last three have a place for each token of ``completion_ids``."""

    prompt_ids: list[int]
    completion_ids: list[int]
    logprobs: list[float]
    env_mask: list[int]


def reinforce(job: Job, suite: Suite, tasks: Sequence[Task], settings: Reinforcement) -> dict[str, Any]:
    """Train an adapter on episodes of these tasks, as many a step as the tuning's batch. Told of every step: the mean
    ``rewards``, of them the ``outcomes``, the share of episodes that won by an ability (``abilities``), and the
    ``kls``. Raises: as ``Recipe.train``."""
    model, tokenizer = open_base(job.base)
    model = with_adapter(model, job.tuning, job.start, reference=settings.beta > 0)
    trainer = _trainer(model, tokenizer, job, suite, tasks, settings)
    measured = run(trainer, job.progress)
    save_whole(model, job.adapter)
    return {**measured, **{name: _logged(trainer, entry) for name, entry in _LOGGED.items()}}


def rollout_of(samples: Sequence[Sample | None], filler: int, longest: int) -> Rollout:
    """The replies of an episode with what lies between them, up to where the chat template tells what came before in
    another way, and up to ``longest`` tokens. Where nothing was sampled, a ``filler`` that does not count."""
    made = Rollout([], [], [], [])
    for prompt, sample in filter(None, unfolded(samples)):
        if not made.prompt_ids:
            made.prompt_ids.extend(prompt)
        before = len(made.prompt_ids) + len(made.completion_ids)
        if prompt[:before] != [*made.prompt_ids, *made.completion_ids]:
            break
        _extend(made, prompt[before:], [0.0] * (len(prompt) - before), 0)
        _extend(made, sample.tokens, sample.logprobs, 1)
    room = max(0, longest - len(made.prompt_ids))
    if not made.completion_ids or not room:
        return Rollout([filler], [filler], [0.0], [0])
    return Rollout(made.prompt_ids, made.completion_ids[:room], made.logprobs[:room], made.env_mask[:room])


def outcome_of(trajectory: Trajectory) -> float | None:
    """The reward of the episode; None where an error cut it off."""
    return None if trajectory.stop is StopReason.ERROR else trajectory.reward


def ability_of(trajectory: Trajectory) -> float | None:
    """SAGE's term: 1 for a success that called an ability, else 0; None where there is no outcome."""
    if outcome_of(trajectory) is None:
        return None
    called = any(step.call is not None and step.call.name.startswith(SKILL) for step in trajectory.steps)
    return float(called and bool(trajectory.success))


def _extend(made: Rollout, ids: Sequence[int], logprobs: Sequence[float], sampled: int) -> None:
    made.completion_ids.extend(ids)
    made.logprobs.extend(logprobs)
    made.env_mask.extend([sampled] * len(ids))


def _trainer(model: Any, tokenizer: Any, job: Job, suite: Suite, tasks: Sequence[Task], settings: Reinforcement) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    at_once, steps = min(job.tuning.batch, len(tasks)), job.tuning.updates(len(tasks))
    args = arguments(
        job.folder,
        replace(job.tuning, batch=settings.group, steps=steps),
        len(tasks),
        GRPOConfig,
        num_generations=settings.group,
        gradient_accumulation_steps=at_once,
        reward_weights=[1.0, settings.skill_bonus],
        beta=settings.beta,
        temperature=settings.temperature,
        max_completion_length=job.tuning.longest,
        shuffle_dataset=False,
    )
    # One row for every group, in the order in which they are played, so that a resumed training plays the same.
    groups = [
        {"prompt": json.dumps({"task": n % len(tasks), "seed": child_seed(settings.seed, "grpo", n)})}
        for n in range(steps * at_once)
    ]
    with quiet(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*rollout_func.*")
        return GRPOTrainer(
            model=model,
            args=args,
            reward_funcs=_TERMS,
            train_dataset=Dataset.from_list(groups),
            processing_class=tokenizer,
            rollout_func=_rollouts(job, suite, tasks, settings),
        )


def _rollouts(job: Job, suite: Suite, tasks: Sequence[Task], settings: Reinforcement) -> Any:
    """What TRL calls for the completions of a step: the prompts name the groups, each as often as it has attempts."""
    live = Live(f"hf:{job.base}?temperature={settings.temperature}", job.folder, job.recall)
    world = copy(suite)
    world.max_steps = settings.most_steps or suite.max_steps

    def play(prompts: Sequence[str], trainer: Any) -> Mapping[str, list[Any]]:
        told = [json.loads(prompt) for prompt in prompts]
        episodes = [
            Episode(at, tasks[one["task"]], one["seed"], attempt=at % settings.group) for at, one in enumerate(told)
        ]
        model = trainer.accelerator.unwrap_model(trainer.model)
        played = wait_for(live.play(model, world, episodes))
        end = trainer.processing_class.eos_token_id
        made = [asdict(rollout_of(one.samples, end, job.tuning.longest)) for one in played]
        rows = {name: [one[name] for one in made] for name in made[0]}
        return {**rows, "outcomes": [*map(outcome_of, played)], "abilities": [*map(ability_of, played)]}

    return play


def outcome(outcomes: Sequence[float | None], **_: Any) -> list[float | None]:
    """The reward function of TRL's: the episodes know theirs."""
    return list(outcomes)


def ability(abilities: Sequence[float | None], **_: Any) -> list[float | None]:
    """The same of SAGE's term."""
    return list(abilities)


_TERMS: list[Any] = [outcome, ability]
_LOGGED = {
    "rewards": "reward",
    "outcomes": f"rewards/{outcome.__name__}/mean",
    "abilities": f"rewards/{ability.__name__}/mean",
    "kls": "kl",
}
"""What is told of a training, and TRL's name for it."""


def _logged(trainer: Any, name: str) -> list[float]:
    return [entry[name] for entry in trainer.state.log_history if name in entry]


def check(settings: Reinforcement) -> None:
    """Raises: BadSetting."""
    if settings.group < 2:
        raise BadSetting(f"group={settings.group} must be at least 2: attempts are compared with each other")
    if settings.temperature <= 0 or settings.beta < 0:
        raise BadSetting("temperature has to be above 0, and beta at least 0")
