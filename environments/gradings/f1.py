"""How many words an answer shares with the right one, as SQuAD counts them (arXiv 1606.05250): 1 is the same words."""

from __future__ import annotations

import re
import string
from collections import Counter

from knowhow.environments.question import Question

_PUNCTUATION = str.maketrans("", "", string.punctuation)


class F1:
    """The harmonic mean of precision and recall over words, without case, punctuation and articles."""

    def __call__(self, question: Question, answer: str) -> float:
        right, given = words(question.answer), words(answer)
        if not right or not given:
            return float(right == given)
        shared = sum((Counter(right) & Counter(given)).values())
        return 2 * shared / (len(right) + len(given))


def words(text: str) -> list[str]:
    return re.sub(r"\b(a|an|the)\b", " ", text.casefold().translate(_PUNCTUATION)).split()
