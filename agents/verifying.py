"""A trained verifier reads an attempt and says how likely it is that it did what the task asks.

It answers one question by yes or no, and the probability of its answer is the score (V-STaR, arXiv 2402.06457; asked as
generative verifiers are, arXiv 2408.15240). It sees an attempt without its labels, in training as at run time.
"""

from __future__ import annotations

from math import exp

from langchain_core.messages import HumanMessage

from knowhow.agents.prompt import render
from knowhow.agents.samples import KEY
from knowhow.agents.transcript import transcript
from knowhow.agents.types import Decider, Turn
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import StopReason, Trajectory

YES, NO = "yes", "no"


def question(attempt: Trajectory) -> str:
    """What the verifier is asked, without anything that tells the label."""
    told = attempt if attempt.reward is None else attempt.without_labels()
    return render("verify", goal=attempt.task.goal, transcript=transcript(told))


async def likelihood(ask: Decider, attempt: Trajectory) -> float:
    """The probability that the verifier gives to success; 0 for an attempt that an error ended.

    Raises: BadSetting where its model does not tell the probabilities of its replies.
    """
    if attempt.stop in (StopReason.ERROR, StopReason.BUDGET):
        return 0.0
    reply = await ask(Turn((HumanMessage(question(attempt)),), temperature=0.0))
    sample = reply.response_metadata.get(KEY)
    if sample is None or not sample["logprobs"]:
        raise BadSetting("the verifier's model does not tell the probabilities of its replies; use hf:PATH@ADAPTER")
    sure = exp(sample["logprobs"][0])
    return sure if reply.text.strip().lower().startswith(YES) else 1 - sure
