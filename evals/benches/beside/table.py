"""The figures as one table, a column a framework, and below it what is missing and where we are behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowhow.evals.benches.beside.systems import BARE, OURS, SYSTEMS

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """``path`` leads to the figure; ``part`` names what is measured, for reasons. ``spoilt`` leads to a count that must
    be 0 for the figure to count."""

    label: str
    path: tuple[str, ...]
    part: str
    higher: bool = False
    spoilt: tuple[str, ...] = ()


WHY: Mapping[str, str] = {
    "step": "ours keeps the whole episode, as a graph, with a meter and retries around an asynchronous client; gepa's "
    "adapter and mem0's loop send a system prompt and one observation through a synchronous one",
    "update": "ours is a reflection and then a curation, and a batch that is on the disk before it counts; langmem and "
    "dspy make one call and keep the result in memory, mem0 makes one call, gepa's are on short prompts",
    "adapt": "a Reflector studies the attempt, and a Curator sees what is known before it changes it; one call does "
    "without one of the two; dspy's demonstration is the attempt itself, and has to be a success",
    "delta": "every batch waits for the disk (fsync), so that kill -9 and a power cut lose nothing acknowledged",
    "recall": "a filter by kind, scope and status is part of every search of ours",
    "writing": "every write waits for the disk (fsync) and is one batch in a log; others keep theirs in memory, or "
    "do not wait, or lose some",
    "installed": "Chroma and what it brings, the index beyond 200,000 items, is half of it, SciPy a fifth; gepa and "
    "dspy keep no memory of items, langmem has its store in memory, mem0 its own small one",
    "import": "LangGraph and LangChain's client for OpenAI make up most of it; gepa brings no client and no graph",
}
"""By part: why others are ahead of us, where they are."""


def rows(sizes: Sequence[int]) -> Iterator[Row]:
    for part, name in (("step", "a step"), ("update", "an update")):
        yield Row(f"{name}, ms", ("agent", part, "wall_ms"), part)
        yield Row(f"{name}, ms of processor", ("agent", part, "cpu_ms"), part)
    for counted in ("calls", "prompt_tokens", "completion_tokens"):
        yield Row(f"to adapt to a task, {counted.replace('_', ' ')}", ("agent", "update", counted), "adapt")
    for size in sizes:
        yield Row(f"delta of 3 at {size:,}, ms", ("memory", str(size), "delta_of_3_ms"), "delta")
    for size in sizes:
        yield Row(f"recall of 8 at {size:,}, ms", ("memory", str(size), "recall_8_ms"), "recall")
    for kind in ("processes", "threads"):
        at = ("writing", kind)
        yield Row(f"writers, {kind}, writes a second", (*at, "writes_per_s"), "writing", True, (*at, "lost"))
        yield Row(f"writers, {kind}, lost", (*at, "lost"), "writing")
    yield Row("installed, MB", ("installed_mb",), "installed")
    yield Row("import, s", ("import", "wall_s"), "import")
    yield Row("import and first update, s of processor", ("agent", "update", "first_cpu_s"), "import")


def table(found: Found, sizes: Sequence[int], systems: Sequence[str]) -> str:
    """The table, and the lines below it."""
    listed = list(rows(sizes))
    head = ["", *systems, "bare part"]
    body = [[row.label, *(shown(found[name], row) for name in systems), bare(found, row)] for row in listed]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    lines = [_line(line, widths) for line in [head, *body]]
    below = [*_versions(found, systems), *_settings(found, systems), *missing(found, listed, systems)]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *below, *behind(found, listed, systems)])


def value(found: Found, row: Row) -> float | None:
    """None where there is no figure."""
    number = _at(found, row.path)
    return number if isinstance(number, int | float) else None


def shown(found: Found, row: Row) -> str:
    number = value(found, row)
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"


def bare(found: Found, row: Row) -> str:
    """The fastest of the bare parts, by name."""
    able = {name: value(found[name], row) for name in BARE if name in found}
    numbers = {name: number for name, number in able.items() if number is not None}
    if not numbers:
        return ""
    name = min(numbers, key=lambda one: numbers[one])
    return f"{shown(found[name], row)} {name}"


def missing(found: Found, listed: Sequence[Row], systems: Sequence[str]) -> Iterator[str]:
    """Why there is no figure, one line a reason."""
    for name in systems:
        lacking = dict.fromkeys(_reason(name, found[name], row) for row in listed if value(found[name], row) is None)
        yield from (f"- {name}: {reason}" for reason in lacking)


def behind(found: Found, listed: Sequence[Row], systems: Sequence[str]) -> Iterator[str]:
    """Where others are ahead of us, and why; one line a row."""
    for row in listed:
        if OURS not in found or (ours := value(found[OURS], row)) is None:
            continue
        numbers = {name: value(found[name], row) for name in systems if name != OURS and _counts(found[name], row)}
        ahead = [name for name, number in numbers.items() if number is not None and _better(number, ours, row)]
        if ahead:
            yield f"behind {', '.join(ahead)} in {row.label!r}: {WHY.get(row.part, 'nobody has looked into it')}"


def _better(one: float, other: float, row: Row) -> bool:
    return one > other if row.higher else one < other


def _counts(found: Found, row: Row) -> bool:
    return not row.spoilt or not _at(found, row.spoilt)


def _reason(name: str, found: Found, row: Row) -> str:
    lacks = SYSTEMS[name].lacks.get(row.part)
    failed = next((part["failed"] for part in _along(found, row.path) if "failed" in part), None)
    return f"{row.part}: {lacks or failed or 'not measured'}"


def _along(found: Found, path: Sequence[str]) -> Iterator[Found]:
    for name in path:
        if not isinstance(found, Mapping):
            return
        yield found
        found = found.get(name, {})


def _at(found: Any, path: Sequence[str]) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _versions(found: Found, systems: Sequence[str]) -> Iterator[str]:
    told = {name: _at(found[name], ("agent", "versions")) or {} for name in systems}
    yield "versions: " + "; ".join(f"{name}: {_listed(of)}" for name, of in told.items() if of)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def _settings(found: Found, systems: Sequence[str]) -> Iterator[str]:
    for name in systems:
        if settings := _at(found[name], ("agent", "settings")):
            yield f"{name}: {settings}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    return "  ".join(
        [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
    )
