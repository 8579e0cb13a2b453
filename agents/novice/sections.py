"""Finding one's way in a prompt by its headings."""

from __future__ import annotations

import re


def section(prompt: str, heading: str) -> str:
    """The text under a ``# heading`` of a prompt, up to the next one."""
    found = re.search(rf"^# {re.escape(heading)}[^\n]*\n(.*?)(?=^# |\Z)", prompt, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""
