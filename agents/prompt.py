"""Prompts are package data: ``prompts/<name>.md`` of a sub-package, with ``$name`` where a value goes.

What changes least comes first in every prompt, so that the prefix caches of providers and of vLLM hit.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template


@cache
def template(name: str, package: str = "knowhow.agents") -> Template:
    return Template(files(package).joinpath("prompts", f"{name}.md").read_text(encoding="utf-8"))


def render(name: str, package: str = "knowhow.agents", **values: object) -> str:
    """The prompt with its values. Raises: KeyError where one is missing."""
    return template(name, package).substitute(values)
