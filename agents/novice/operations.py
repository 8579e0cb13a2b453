"""What can be made of a question's text: a small space of general operations, each told in plain words.

None of them is about a subject: they take the numbers, the words or the quoted texts of a question and count, sort,
turn round or calculate. Which of them answers which questions is what the novice has to find out.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise

MOST_DIGITS = 30
"""Longer numbers are no answer, and are not calculated with."""
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])")
_QUOTED = re.compile(r"\"([^\"]+)\"|'([^']+)'(?!\w)")
_EXPRESSION = re.compile(r"[-+*/().\d\s]+")
LONGEST = 200
"""Characters of an expression that is worked out, and of an answer."""
_SIGNS: Mapping[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

Numbers = Sequence[Fraction]


def answers(question: str) -> dict[str, str]:
    """What each operation makes of a question, by the operation's name; those that make nothing of it are left out."""
    found = {
        **_of_numbers(question),
        **_of_texts(question),
        "the value of the expression": _value(question),
        "how often the first quoted text stands in the last": _occurrences(question),
    }
    return {name: made for name, made in found.items() if made and len(made) <= LONGEST}


def _of_numbers(question: str) -> dict[str, str]:
    numbers = [Fraction(found) for found in _NUMBER.findall(question) if len(found) <= MOST_DIGITS]
    return {f"{name} its numbers": _told(make, numbers) for name, make in NUMBERS.items()} if len(numbers) > 1 else {}


def _told(make: Callable[[Numbers], Fraction | int | None], numbers: Numbers) -> str:
    try:
        made = make(numbers)
    except (ArithmeticError, ValueError):
        return ""
    return "" if made is None else _written(Fraction(made))


def _written(number: Fraction) -> str:
    """As people write it: ``3``, ``2.5``; empty where it has too many digits or no end."""
    if number.denominator == 1:
        return str(number.numerator) if len(str(number.numerator)) <= MOST_DIGITS else ""
    rounded = f"{float(number):.6f}".rstrip("0")
    return rounded if Fraction(rounded) == number else ""


def _constant(steps: Sequence[Fraction]) -> Fraction | None:
    return steps[0] if steps and len(set(steps)) == 1 else None


def _next_by_difference(numbers: Numbers) -> Fraction | None:
    step = _constant([later - one for one, later in pairwise(numbers)])
    return None if step is None else numbers[-1] + step


def _next_by_factor(numbers: Numbers) -> Fraction | None:
    factor = _constant([later / one for one, later in pairwise(numbers)])
    return None if factor is None else numbers[-1] * factor


def _next_by_growing_difference(numbers: Numbers) -> Fraction | None:
    steps = [later - one for one, later in pairwise(numbers)]
    step = _next_by_difference(steps) if len(steps) > 1 else None
    return None if step is None else numbers[-1] + step


def _whole(numbers: Numbers) -> list[int]:
    if any(number.denominator != 1 for number in numbers):
        raise ValueError
    return [int(number) for number in numbers]


def _product(numbers: Numbers) -> Fraction:
    if sum(len(str(number)) for number in numbers) > MOST_DIGITS:
        raise ValueError
    return math.prod(numbers, start=Fraction(1))


NUMBERS: Mapping[str, Callable[[Numbers], Fraction | int | None]] = {
    "the sum of": sum,
    "the product of": _product,
    "the first less the rest of": lambda numbers: numbers[0] - sum(numbers[1:]),
    "the first divided by the last of": lambda numbers: numbers[0] / numbers[-1],
    "the largest of": max,
    "the smallest of": min,
    "the count of": len,
    "the mean of": lambda numbers: sum(numbers, Fraction(0)) / len(numbers),
    "the first of": lambda numbers: numbers[0],
    "the last of": lambda numbers: numbers[-1],
    "the greatest common divisor of": lambda numbers: reduce(math.gcd, _whole(numbers)),
    "the least common multiple of": lambda numbers: reduce(math.lcm, _whole(numbers)),
    "the next after equal differences of": _next_by_difference,
    "the next after equal factors of": _next_by_factor,
    "the next after evenly growing differences of": _next_by_growing_difference,
    "the sum of the last two of": lambda numbers: numbers[-1] + numbers[-2],
}

TEXTS: Mapping[str, Callable[[str], str]] = {
    "{}": str,
    "the letters of {}, last first": lambda text: text[::-1],
    "the letters of {}, in the order of the alphabet": lambda text: "".join(sorted(text)),
    "the number of letters of {}": lambda text: str(sum(map(str.isalpha, text))),
    "{} in capitals": str.upper,
    "{} in small letters": str.lower,
}

WORDS: Mapping[str, Callable[[Sequence[str]], str]] = {
    "the words of {}, last first": lambda words: " ".join(reversed(words)),
    "the words of {}, in the order of the alphabet": lambda words: ", ".join(sorted(words)),
    "the number of words of {}": lambda words: str(len(words)),
    "the first word of {}": lambda words: words[0],
    "the last word of {}": lambda words: words[-1],
    "the longest word of {}": lambda words: max(words, key=len),
    "the shortest word of {}": lambda words: min(words, key=len),
}


def _of_texts(question: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for source, text in _sources(question).items():
        words = re.findall(r"[^\s,;]+", text)
        found |= {name.format(source): make(text) for name, make in TEXTS.items()}
        found |= {name.format(source): make(words) for name, make in WORDS.items() if len(words) > 1}
    return found


def _sources(question: str) -> dict[str, str]:
    """The parts of a question that may be its matter."""
    said = question.strip()
    words = re.findall(r"\w[\w'-]*", said)
    quoted = quotes(said)
    after = said.rpartition(":")[2].strip(" \n.?\"'")
    found = {"the last quoted text": quoted[-1] if quoted else "", "what stands behind the colon": after}
    found = {name: text for name, text in found.items() if text and text != said.strip(" \n.?\"'")}
    return {"the last word": words[-1], **found} if words else found


def quotes(text: str) -> list[str]:
    return [double or single for double, single in _QUOTED.findall(text)]


def _occurrences(question: str) -> str:
    quoted = quotes(question)
    return str(quoted[-1].casefold().count(quoted[0].casefold())) if len(quoted) > 1 else ""


def _value(question: str) -> str:
    """The value of the longest arithmetic expression, worked out exactly."""
    found = max((run.strip(" \n.") for run in _EXPRESSION.findall(question)), key=len, default="")
    if not re.search(r"\d\s*\)*\s*[-+*/]", found) or len(found) > LONGEST:
        return ""
    try:
        return _written(_worked_out(ast.parse(found, mode="eval").body))
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return ""


def _worked_out(node: ast.expr) -> Fraction:
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        return _SIGNS[type(node.op)](_worked_out(node.left), _worked_out(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_worked_out(node.operand)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(str(node.value))
    raise ValueError
