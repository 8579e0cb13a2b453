"""What there is to choose from, and what a choice may cost."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from knowhow.agents.metering import estimate
from knowhow.environments.discover import find, names, parse
from knowhow.environments.errors import BadSetting, MissingExtra
from knowhow.environments.types import SPLITS, Suite
from knowhow.evals.settings import Settings
from knowhow.evals.stage import SUITES, open_model, open_suite

SCHEMES = "knowhow.agents.models"
GIVEN = ("kind", "suite")
"""What a part is given by the framework, and nobody sets."""
FIRST_PROMPT_TOKENS = 700
"""About what the act prompt, the tools, a task and a short playbook take."""


def list_suites() -> list[dict[str, Any]]:
    """One row a suite; where an extra is missing, ``missing`` says what to install, and where it needs settings,
    ``needs`` says which, instead of the numbers of its tasks."""
    return [_suite_row(name) for name in names(SUITES)]


def tell_suite(name: str) -> dict[str, Any]:
    """One suite, with settings or without: the row of ``list_suites`` with its settings and what its class says of
    them. Raises: UnknownName; BadSetting for settings that do not fit."""
    plain, given = parse(name)
    made: type[Suite] = find(SUITES, plain)
    row = _suite_row(name)
    if given and "needs" in row:
        raise BadSetting(row["needs"])
    settings = {**_settings(made, ()), **given}
    return {**row, "name": plain, "settings": settings, "about": inspect.getdoc(made) or ""}


def _suite_row(name: str) -> dict[str, Any]:
    made: type[Suite] = find(SUITES, parse(name)[0])
    suite: Suite | type[Suite] = made
    try:
        suite = open_suite(name)
        sizes: dict[str, Any] = {"tasks": {split: len(suite.tasks(split)) for split in SPLITS}}
    except MissingExtra as error:
        return {"name": name, "missing": str(error)}
    except BadSetting as error:
        sizes = {"needs": str(error)}
    return {
        "name": name,
        "description": suite.description,
        **sizes,
        "oracle": made.oracle is not Suite.oracle,
        "oracle_for": suite.oracle_for,
        "max_steps": suite.max_steps,
        "licence": suite.licence,
        "source": suite.source,
        "extra": suite.extra,
    }


def list_schemes() -> list[dict[str, Any]]:
    """One row a scheme of model URIs, with the first paragraph of its file."""
    return [{"scheme": row["name"], "description": row["description"]} for row in list_parts(SCHEMES)]


def list_parts(package: str) -> list[dict[str, Any]]:
    """One row a part of a sub-package: its name, the first paragraph of its file, and its settings with their
    defaults."""
    rows = []
    for name in names(package):
        made = find(package, name)
        told = inspect.getdoc(inspect.getmodule(made)) or inspect.getdoc(made) or ""
        rows.append({"name": name, "description": " ".join(told.split("\n\n")[0].split()), "settings": _settings(made)})
    return rows


def _settings(made: Any, given: Sequence[str] = GIVEN) -> dict[str, Any]:
    """The parameters with a plain default, but those that are ``given``."""
    parameters = inspect.signature(made).parameters.values()
    plain = str | int | float | bool | None
    return {one.name: one.default for one in parameters if isinstance(one.default, plain) and one.name not in given}


def cost_line(settings: Settings, episodes: int) -> str:
    """What a run may take at most in calls, and about how many tokens and dollars."""
    suite, model = open_suite(settings.suite), open_model(settings)
    used = estimate(episodes, suite.max_steps, FIRST_PROMPT_TOKENS, price=model.price)
    cost = f"about ${used.cost_usd:.2f}" if model.price_known else "of unknown price"
    return (
        f"estimate before the run: at most {used.calls:,} calls, about {used.prompt_tokens:,} prompt and "
        f"{used.completion_tokens:,} completion tokens, {cost}; a method or search multiplies this"
    )
