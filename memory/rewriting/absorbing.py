"""Requests as a Markov chain that ends in success or in failure, after feedback-based self-learning (arXiv 1911.02557).

Each request is a state. A person whose request fails goes on to another wording, or gives up; the chain is absorbed by
the success of some request, or by failure. What the chain says of a request is with which other wording people who
began with it got what they wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

IMAGINED = 1.0
"""Failures added to each request, so that a few successes are no certainty and every walk ends."""


@dataclass
class Request:
    """What became of one request: how often it ``succeeded``, how often people gave up after it (``failed``), and what
    they said ``next``."""

    succeeded: float = 0.0
    failed: float = 0.0
    next: Counter[str] = field(default_factory=Counter)

    @property
    def visits(self) -> float:
        return self.succeeded + self.failed + self.next.total() + IMAGINED


@dataclass(frozen=True, slots=True)
class Walks:
    """Where walks from one request end: ``through[other]`` is the probability of success with that wording as the last
    (itself included), where there is any; ``at_once[other]`` how probable success is for who says it."""

    through: Mapping[str, float]
    at_once: Mapping[str, float]


def absorbed(requests: Mapping[str, Request]) -> Iterator[tuple[str, Walks]]:
    """The walks from every request. With N = (I - Q)^-1, the fundamental matrix of the chain, and R the probabilities
    of success at once, success from i through k has the probability N[i, k] R[k]."""
    for names in _connected(requests):
        place = {name: at for at, name in enumerate(names)}
        q = np.zeros((len(names), len(names)))
        r = np.zeros(len(names))
        for name, at in place.items():
            request = requests[name]
            r[at] = request.succeeded / request.visits
            for after, count in request.next.items():
                q[at, place[after]] = count / request.visits
        through = np.linalg.inv(np.eye(len(names)) - q) * r
        at_once = dict(zip(names, r.tolist(), strict=True))
        for name, row in zip(names, through.tolist(), strict=True):
            reached = {other: chance for other, chance in zip(names, row, strict=True) if chance > 0}
            yield name, Walks(reached, at_once)


def _connected(requests: Mapping[str, Request]) -> Iterator[list[str]]:
    """The requests in groups that have nothing to do with each other: small matrices instead of a large one."""
    near: dict[str, set[str]] = {name: set() for name in requests}
    for name, request in requests.items():
        for after in request.next:
            near[name].add(after)
            near[after].add(name)
    left = dict.fromkeys(requests)
    while left:
        group, edge = list[str](), [next(iter(left))]
        while edge:
            name = edge.pop()
            if name in left:
                del left[name]
                group.append(name)
                edge += sorted(near[name])
        yield sorted(group)
