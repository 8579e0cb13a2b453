"""Drawing the next tokens of several replies at once, each from its own random numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from knowhow.agents.local.types import Sampling, Token


def draw(logits: torch.Tensor, samplings: Sequence[Sampling], randoms: Sequence[float]) -> list[Token]:
    """One token for each row of ``logits``, of shape (replies, vocabulary).

    ``randoms`` are uniform in [0, 1): where on the cumulated probabilities, in the order of the vocabulary, the token
    is taken. Log-probabilities are those at temperature 1.
    """
    logits = logits.float()
    logprobs = logits.log_softmax(-1)
    greedy = logits.argmax(-1)
    chosen = torch.where(
        _column([s.temperature for s in samplings], logits) > 0, _drawn(logits, samplings, randoms), greedy
    )
    most = max(sampling.alternatives for sampling in samplings)
    top = logprobs.topk(min(most, logits.shape[-1])) if most else None
    told = logprobs.gather(-1, chosen[:, None])[:, 0].tolist()
    tokens = []
    for row, (id, logprob, sampling) in enumerate(zip(chosen.tolist(), told, samplings, strict=True)):
        others = {} if top is None else dict(zip(top.indices[row].tolist(), top.values[row].tolist(), strict=True))
        tokens.append(Token(id, logprob, dict(list(others.items())[: sampling.alternatives])))
    return tokens


def _drawn(logits: torch.Tensor, samplings: Sequence[Sampling], randoms: Sequence[float]) -> torch.Tensor:
    if not any(sampling.temperature > 0 for sampling in samplings):
        return logits.argmax(-1)
    temperatures = _column([sampling.temperature or 1.0 for sampling in samplings], logits)
    probabilities = (logits / temperatures[:, None]).softmax(-1).double()
    if any(sampling.top_p < 1 for sampling in samplings):
        probabilities = _nucleus(probabilities, _column([sampling.top_p for sampling in samplings], probabilities))
    mass = probabilities.cumsum(-1)
    places = _column(randoms, mass)[:, None] * mass[:, -1:]
    return torch.searchsorted(mass, places, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def _nucleus(probabilities: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Without the tokens after the likeliest ones that together reach ``top_p`` (arXiv 1904.09751)."""
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    past = before >= top_p[:, None]
    return probabilities.masked_fill(past.scatter(-1, order, past), 0.0)


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64, device=like.device)
