"""ace-framework: its Skillbook is one JSON file; a delta that lasts reads it, applies the update and writes it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from knowhow.evals.benches.beside.measuring import Given, main, milliseconds, triples
from knowhow.evals.benches.beside.writing import Store


def run(given: Given) -> dict[str, Any]:
    ace: Any = import_module("ace")
    file = str(given.folder / "skillbook.json")
    book = ace.Skillbook()
    for number, text in enumerate(given.texts):
        book.add_skill("strategies", text, f"str-{number:06d}")
    book.save_to_file(file)

    def update(change: tuple[int, str, str]) -> Any:
        turn, new, other = change
        return ace.UpdateBatch(
            "",
            [
                ace.UpdateOperation("ADD", "strategies", new),
                ace.UpdateOperation("UPDATE", "strategies", other, f"str-{turn:06d}"),
                ace.UpdateOperation("TAG", "strategies", None, f"str-{turn + 1:06d}", {"helpful": 1}),
            ],
        )

    def kept(change: tuple[int, str, str]) -> None:
        read = ace.Skillbook.load_from_file(file)
        read.apply_update(update(change))
        read.save_to_file(file)

    return {
        "delta_of_3_ms": milliseconds(kept, triples(given)[:12]),
        "delta_of_3_not_kept_ms": milliseconds(lambda change: book.apply_update(update(change)), triples(given)),
        "open_ms": milliseconds(lambda _: ace.Skillbook.load_from_file(file), range(6)),
        "note": "recall is the whole skillbook",
    }


def store(folder: Path, shared: bool) -> Store:
    """Threads share its ThreadSafeSkillbook, in memory; processes its file."""
    ace: Any = import_module("ace")
    file = str(folder / "skillbook.json")
    book = ace.Skillbook()
    safe = ace.ThreadSafeSkillbook(book)
    if not shared and not Path(file).exists():
        book.save_to_file(file)

    def apply(text: str) -> None:
        safe.apply_update(ace.UpdateBatch("", [ace.UpdateOperation("ADD", "strategies", text)]))

    def kept(text: str) -> None:
        read = ace.Skillbook.load_from_file(file)
        read.apply_update(ace.UpdateBatch("", [ace.UpdateOperation("ADD", "strategies", text)]))
        read.save_to_file(file)

    if shared:
        return apply, lambda: len(book.skills())
    return kept, lambda: len(ace.Skillbook.load_from_file(file).skills())


if __name__ == "__main__":
    main(run, "ace-framework")
