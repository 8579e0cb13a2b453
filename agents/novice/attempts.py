"""Reading an attempt from its transcript (``agents/transcript.py``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from knowhow.agents.transcript import NEW_HEADING


@dataclass(frozen=True, slots=True)
class Done:
    """One command of an attempt, what was seen after it, and what became possible by it; ``before`` is what was seen
    when it was given."""

    command: str
    seen: str
    new: tuple[str, ...] = ()
    before: str = ""


def went_well(outcome: str) -> bool | None:
    """What a prompt says of an attempt's outcome; None where nobody has told."""
    return True if "was achieved" in outcome else False if "was not achieved" in outcome else None


def read_attempt(transcript: str) -> list[Done]:
    """The commands of a transcript with what followed each."""
    opening, *blocks = re.split(r"^> ", transcript, flags=re.MULTILINE)
    steps, before = list[Done](), opening.strip()
    for block in blocks:
        command, _, rest = block.partition("\n")
        seen, _, new = rest.partition(NEW_HEADING)
        listed = (part.strip() for part in new.strip().split(";"))
        possible = tuple(part for part in listed if part and not part.startswith("and "))
        steps.append(Done(command.strip(), seen.strip(), possible, before))
        before = seen.strip()
    return steps
