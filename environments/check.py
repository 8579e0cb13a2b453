"""The conformance kit: does a suite keep the promises of ``environments/types.py``?

For a test of one's own suite: ``assert_conforms(Mine())``. A sample of tasks is played, by the oracle and at random,
and what was recorded is looked at; ``conformance/promises.py`` has the promises, one function each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knowhow.environments.conformance import promises
from knowhow.environments.conformance.evidence import Evidence, gather, in_one_line
from knowhow.environments.types import Suite


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: ``check`` names it, ``detail`` says what broke it, or why it does not apply (then it is ``ok``)."""

    check: str
    ok: bool
    detail: str = ""


async def check_suite(
    suite: Suite,
    *,
    tasks_per_split: int = 5,
    seeds: Sequence[int] = (0, 1),
    tell: Callable[[str], None] = lambda progress: None,
) -> list[Finding]:
    """Look at a suite from all sides, with four short episodes for each sampled task and seed.

    The sample is the first ``tasks_per_split`` of each split. A suite that cannot even list its tasks gets the first
    findings only. ``tell`` is called with a line for each task and each promise, before it is looked at.
    """
    findings = [await _find(promise, Evidence(suite)) for promise in promises.OF_TASKS]
    if not all(finding.ok for finding in findings):
        return findings
    evidence = await gather(suite, tasks_per_split, seeds, tell)
    for promise in promises.OF_EPISODES:
        tell(f"checking that {_name(promise)}")
        findings.append(await _find(promise, evidence))
    return findings


def assert_conforms(
    suite: Suite, *, tasks_per_split: int = 5, seeds: Sequence[int] = (0, 1), skip: Sequence[str] = ()
) -> None:
    """For a test: every promise is kept, those named in ``skip`` aside.

    In an async test, await ``check_suite`` instead.

    Raises: AssertionError that lists the broken ones.
    """
    findings = asyncio.run(check_suite(suite, tasks_per_split=tasks_per_split, seeds=seeds))
    broken = [finding for finding in findings if not finding.ok and finding.check not in skip]
    if broken:
        told = "\n".join(f"{finding.check}: {finding.detail}" for finding in broken)
        raise AssertionError(f"the suite {suite.name!r} breaks its promises:\n{told}")


async def _find(promise: promises.Promise, evidence: Evidence) -> Finding:
    name = _name(promise)
    try:
        problems = list(await promise(evidence))
    except promises.NotApplicable as reason:
        return Finding(name, True, str(reason))
    except Exception as error:
        problems = [in_one_line(error)]
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Finding(name, not problems, "; ".join(problems[:3]) + more)


def _name(promise: promises.Promise) -> str:
    return promise.__name__.replace("_", " ")
