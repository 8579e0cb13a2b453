"""What is compared: what each needs, which files of this folder drive it, and what it does not have."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from knowhow.evals.benches.beside.environments import ROOT


@dataclass(frozen=True)
class System:
    """``packages`` for pip; ``imports`` is what a program that uses it imports; ``agent``, ``memory`` and ``writing``
    are files of this folder. ``lacks`` says by a row's ``part`` why there is no figure."""

    packages: Sequence[str] = ()
    imports: Sequence[str] = ()
    agent: str = ""
    memory: str = ""
    writing: str = ""
    lacks: Mapping[str, str] = field(default_factory=dict)


def own_dependencies() -> Sequence[str]:
    """What ``pip install knowhow-agents`` brings, without extras. Empty where this is no checkout."""
    file = ROOT / "pyproject.toml"
    read = tomllib.loads(file.read_text()) if file.exists() else {"project": {"dependencies": []}}
    return tuple(read["project"]["dependencies"])


OURS = "knowhow"
_NO_MEMORY = dict.fromkeys(("delta", "recall", "writing"), "keeps no memory of items")

SYSTEMS: Mapping[str, System] = {
    OURS: System(
        own_dependencies(),
        ("knowhow.agents.episode", "knowhow.agents.model", "knowhow.memory.banks.playbook", "knowhow.memory.store"),
        agent="knowhow_agent",
        memory="knowhow_memory",
        writing="knowhow_memory",
    ),
    "ace-framework": System(
        ("ace-framework==0.7.1",),
        ("ace",),
        agent="ace_agent",
        memory="ace_skillbook",
        writing="ace_skillbook",
        lacks={"recall": "the whole skillbook is in every prompt"},
    ),
    "langmem": System(
        ("langmem==0.0.30", "numpy"),
        ("langmem",),
        agent="langmem_agent",
        memory="langmem_tools",
        writing="langmem_tools",
    ),
    "mem0ai": System(("mem0ai==2.2.1",), ("mem0",), agent="mem0_agent", memory="mem0_memory", writing="mem0_memory"),
    "gepa": System(("gepa==0.1.4", "openai"), ("gepa",), agent="gepa_agent", lacks=_NO_MEMORY),
    "dspy": System(("dspy==3.4.1",), ("dspy",), agent="dspy_agent", lacks=_NO_MEMORY),
}

BARE: Mapping[str, System] = {
    "text": System(memory="text_playbook"),
    "numpy": System(memory="numpy_scan"),
    "chroma": System(memory="chroma_collection"),
    "langgraph": System(memory="langgraph_store"),
}
"""Parts that a memory could be made of, with nothing around them; our own dependencies are what they need."""
