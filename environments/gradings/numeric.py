"""The same number, however it is written: 1,200 and 1200.0, 3/4 and 0.75, $5, 6e3; a percent sign changes nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from knowhow.environments.errors import BadSetting
from knowhow.environments.question import Question

_NUMBER = re.compile(r"((?:(?<![\w.)])[-−+])?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\s*/\s*(\d+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Numeric:
    """Of an answer with several numbers the last one counts, as is the custom for GSM8K (arXiv 2110.14168).

    ``tolerance``: how far off it may be, as a share of the right number. Raises: BadSetting for a right answer that is
    no number.
    """

    tolerance: float = 1e-6

    def __call__(self, question: Question, answer: str) -> float:
        right, given = number(question.answer), number(answer)
        if right is None:
            raise BadSetting(f"the answer {question.answer!r} is no number; grade it with exact or f1")
        return float(given is not None and math.isclose(right, given, rel_tol=self.tolerance, abs_tol=1e-9))


def number(text: str) -> float | None:
    """The last number of a text; None where there is none."""
    found = _NUMBER.findall(text)
    if not found:
        return None
    figure, divisor = found[-1]
    value = float(figure.replace(",", "").replace("−", "-"))
    if not divisor:
        return value
    return value / float(divisor) if float(divisor) else None
