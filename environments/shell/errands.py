"""What is asked in the suite ``bash``, one function a kind: it draws the folder, and says the goal and a command that
reaches it.

A function's name is the kind. Names of files are words of the goal, and what has to be found in them stands in quotes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from knowhow.environments.shell.folder import Folder

EARLY, LATE = range(0, 55), range(65, 120)
"""Days of the year, safely before and after 1 March."""


@dataclass(frozen=True, slots=True)
class Errand:
    """``gold`` is a command that reaches the goal; with ``asks``, what it prints is the answer."""

    goal: str
    gold: str
    asks: bool = False


def make_folder(at: Folder) -> Errand:
    place = at.place()
    return Errand(f"Make a folder {place}.", f"mkdir {place}")


def copy_file(at: Folder) -> Errand:
    old, new = at.file(at.lines()), at.name()
    return Errand(f"Copy {old} to {new}.", f"cp {old} {new}")


def rename_file(at: Folder) -> Errand:
    old, new = at.file(at.lines()), at.name()
    return Errand(f"Rename {old} to {new}.", f"mv {old} {new}")


def move_file(at: Folder) -> Errand:
    file, place = at.file(at.lines()), at.folder()
    return Errand(f"Move {file} into the folder {place}.", f"mv {file} {place}")


def delete_file(at: Folder) -> Errand:
    file, _ = at.file(at.lines()), at.file(at.lines())
    return Errand(f"Delete {file}.", f"rm {file}")


def link_file(at: Folder) -> Errand:
    file, link = at.file(at.lines()), at.name()
    return Errand(f"Make a symbolic link {link} that leads to {file}.", f"ln -s {file} {link}")


def allow_running(at: Folder) -> Errand:
    file, _ = at.file("#!/bin/sh\necho hello\n", "sh"), at.file("#!/bin/sh\n", "sh")
    return Errand(f"Let everybody run the script {file}.", f"chmod +x {file}")


def collect_files(at: Folder) -> Errand:
    place, ending = at.place(), at.random.choice(("log", "csv", "bak"))
    for _ in range(3):
        at.file(at.lines(2), ending)
    return Errand(
        f"Make a folder {place} and move every .{ending} file into it.", f"mkdir {place} && mv *.{ending} {place}"
    )


def delete_everywhere(at: Folder) -> Errand:
    place, ending = at.folder(), at.random.choice(("tmp", "bak", "old"))
    for within in ("", "", f"{place}/", f"{place}/"):
        at.file("", ending, within)
    at.file(at.lines(2), "txt", f"{place}/")
    return Errand(f"Delete every .{ending} file, also in the folders below.", f"find . -name '*.{ending}' -delete")


def sort_lines(at: Folder) -> Errand:
    old, new = at.file(at.lines()), at.name()
    return Errand(f"Write the lines of {old} in alphabetical order to {new}.", f"sort {old} > {new}")


def sort_backwards(at: Folder) -> Errand:
    old, new = at.file(at.lines()), at.name()
    return Errand(f"Write the lines of {old} in reverse alphabetical order to {new}.", f"sort -r {old} > {new}")


def sort_numbers(at: Folder) -> Errand:
    old, new = at.file("".join(f"{number}\n" for number in at.numbers())), at.name()
    return Errand(f"Write the numbers of {old} to {new}, the smallest first.", f"sort -n {old} > {new}")


def different_lines(at: Folder) -> Errand:
    lines = at.lines(5).splitlines() * 2
    at.random.shuffle(lines)
    old, new = at.file("\n".join(lines) + "\n"), at.name()
    return Errand(f"Write the different lines of {old}, in alphabetical order, to {new}.", f"sort -u {old} > {new}")


def first_lines(at: Folder) -> Errand:
    old, new, count = at.file(at.lines()), at.name(), at.random.randrange(2, 6)
    return Errand(f"Write the first {count} lines of {old} to {new}.", f"head -n {count} {old} > {new}")


def last_lines(at: Folder) -> Errand:
    old, new, count = at.file(at.lines()), at.name(), at.random.randrange(2, 6)
    return Errand(f"Write the last {count} lines of {old} to {new}.", f"tail -n {count} {old} > {new}")


def lines_with(at: Folder) -> Errand:
    old, word, new = *_with_word(at), at.name()
    return Errand(f'Write the lines of {old} that contain "{word}" to {new}.', f"grep {word} {old} > {new}")


def lines_without(at: Folder) -> Errand:
    old, word, new = *_with_word(at), at.name()
    return Errand(f'Write the lines of {old} without "{word}" to {new}.', f"grep -v {word} {old} > {new}")


def join_files(at: Folder) -> Errand:
    one, other, new = at.file(at.lines(3)), at.file(at.lines(3)), at.name()
    return Errand(f"Join {one} and {other}, in this order, to {new}.", f"cat {one} {other} > {new}")


def replace_word(at: Folder) -> Errand:
    old, word = _with_word(at, "{0} and {0} again\n")
    new = at.random.choice(["orange", "purple", "indigo"])
    return Errand(f'Replace every "{word}" in {old} by "{new}".', f"sed -i 's/{word}/{new}/g' {old}")


def take_column(at: Folder) -> Errand:
    old, new, column = at.file(at.table(), "csv"), at.name(), at.random.choice((1, 2, 3))
    return Errand(
        f"Write column {column} of {old}, where commas separate them, to {new}.",
        f"cut -d ',' -f {column} {old} > {new}",
    )


def change_endings(at: Folder) -> Errand:
    old, new = at.random.sample(("txt", "text", "note", "lst"), 2)
    for _ in range(3):
        at.file(at.lines(2), old)
    return Errand(
        f"Change the ending of every .{old} file to .{new}.",
        f'for f in *.{old}; do mv "$f" "${{f%.{old}}}.{new}"; done',
    )


def move_older(at: Folder) -> Errand:
    place = at.folder()
    for days in (EARLY, EARLY, LATE, LATE):
        at.file(at.lines(2), "log", day=at.random.choice(days))
    return Errand(
        f"Move every .log file last changed before 1 March 2024 into the folder {place}.",
        f"find . -maxdepth 1 -name '*.log' ! -newermt 2024-03-01 -exec mv -t {place} {{}} +",
    )


def count_lines(at: Folder) -> Errand:
    file = at.file(at.lines(at.random.randrange(4, 30)))
    return Errand(f"How many lines has {file}?", f"wc -l < {file}", asks=True)


def count_lines_with(at: Folder) -> Errand:
    file, word = _with_word(at)
    return Errand(f'How many lines of {file} contain "{word}"?', f"grep -c {word} {file}", asks=True)


def count_files(at: Folder) -> Errand:
    place, ending = at.folder(), at.random.choice(("log", "csv", "bak"))
    for within in ("", *[f"{place}/"] * at.random.randrange(2, 5)):
        at.file("", ending, within)
    return Errand(
        f"How many .{ending} files are there, here and in the folders below?",
        f"find . -name '*.{ending}' | wc -l",
        asks=True,
    )


def largest_file(at: Folder) -> Errand:
    for lines in at.random.sample(range(4, 30), 4):
        at.file("x" * 10 * lines + "\n")
    return Errand("Which file here is the largest?", "ls -S | head -n 1", asks=True)


def add_up(at: Folder) -> Errand:
    file = at.file(at.table(), "csv")
    return Errand(
        f"What is the sum of the numbers in column 2 of {file}?",
        f"awk -F, '{{s += $2}} END {{print s}}' {file}",
        asks=True,
    )


def frequent_word(at: Folder) -> Errand:
    words = [word for times, word in zip((7, 4, 4, 3, 1), at.words(5), strict=True) for _ in range(times)]
    at.random.shuffle(words)
    file = at.file("".join(f"{' '.join(words[n : n + 4])}\n" for n in range(0, len(words), 4)))
    return Errand(
        f"Which word comes most often in {file}?",
        f"tr -s ' ' '\\n' < {file} | sort | uniq -c | sort -nr | head -n 1 | awk '{{print $2}}'",
        asks=True,
    )


def _with_word(at: Folder, line: str = "{}\n") -> tuple[str, str]:
    """A file, and a word of some of its lines."""
    word = at.random.choice(("error", "urgent", "paid", "late", "open"))
    lines = [*at.lines(5).splitlines(keepends=True), *[line.format(f"{word} {one}") for one in at.words(3)]]
    at.random.shuffle(lines)
    return at.file("".join(lines)), word


KINDS: tuple[Callable[[Folder], Errand], ...] = (
    *(make_folder, copy_file, rename_file, move_file, delete_file, link_file, allow_running, collect_files),
    *(delete_everywhere, sort_lines, sort_backwards, sort_numbers, different_lines, first_lines, last_lines),
    *(lines_with, lines_without, join_files, replace_word, take_column, change_endings, move_older),
    *(count_lines, count_lines_with, count_files, largest_file, add_up, frequent_word),
)
