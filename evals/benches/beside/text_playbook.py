"""A playbook as text, the way of ACE's public code (arXiv 2510.04618): every delta reads each line again.

A line is ``[str-00001] helpful=3 harmful=0 :: text``. The text is read from its file, parsed, changed and written; it
is not waited for until it is on the disk.
"""

from __future__ import annotations

import re
from typing import Any

from knowhow.evals.benches.beside.measuring import Given, main, milliseconds, triples

LINE = re.compile(r"\[([^\]]+)\]\s*helpful=(\d+)\s*harmful=(\d+)\s*::\s*(.*)")


def run(given: Given) -> dict[str, Any]:
    file = given.folder / "playbook.txt"
    lines = [f"[str-{number:06d}] helpful=0 harmful=0 :: {text}" for number, text in enumerate(given.texts)]
    file.write_text("\n".join(["## STRATEGIES", *lines]))

    def delta(change: tuple[int, str, str]) -> None:
        turn, new, other = change
        changed = []
        for line in file.read_text().split("\n"):
            match = LINE.match(line)
            if match is None:
                changed.append(line)
                continue
            id, helpful, harmful, text = match[1], int(match[2]), int(match[3]), match[4]
            text = other if id == f"str-{turn:06d}" else text
            helpful += id == f"str-{turn + 1:06d}"
            changed.append(f"[{id}] helpful={helpful} harmful={harmful} :: {text}")
        changed.append(f"[new-{turn:06d}] helpful=0 harmful=0 :: {new}")
        file.write_text("\n".join(changed))

    return {"delta_of_3_ms": milliseconds(delta, triples(given)[:40])}


if __name__ == "__main__":
    main(run)
