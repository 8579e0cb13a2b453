"""An evolving memory for an agent of LangChain's that somebody already has."""

from __future__ import annotations

ABOUT = "agent.json"
"""The file that tells the folder of such a memory from a run's."""
