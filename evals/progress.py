"""Progress of long work on the terminal: a bar a phase, with success so far, episodes a second, tokens and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from knowhow.environments.types import StopReason, Trajectory, Usage
from knowhow.evals.watch import Silent, Watch
from knowhow.memory.evolve import Round


class Drawn:
    """Bars on stderr, drawn while it is entered; nothing is drawn where that is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=False,
        )

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self.progress.stop()

    def say(self, line: str) -> None:
        self.console.print(line, highlight=False)


class Bars(Drawn):
    """A ``Watch`` with a bar a phase; where there is no terminal it prints a line a phase and a round."""

    def __init__(self) -> None:
        super().__init__()
        self._task: TaskID | None = None
        self._wins = self._ended = 0

    def __exit__(self, *error: object) -> None:
        self._close_phase()
        super().__exit__(*error)

    def phase(self, name: str, total: int, done: int = 0) -> None:
        self._close_phase()
        self._wins = self._ended = 0
        self._task = self.progress.add_task(name, total=total or None, completed=done, told="")
        if not self.console.is_terminal:
            stored = f", {done} of them stored" if done else ""
            self.say(f"{name}: {total} episodes{stored}" if total else name)

    def episode(self, trajectory: Trajectory, spent: Usage) -> None:
        if self._task is None:
            return
        if trajectory.stop is not StopReason.BUDGET:
            self._ended += 1
            self._wins += trajectory.success
        self.progress.update(self._task, advance=1, told=self._told(spent))

    def round(self, done: Round) -> None:
        self._close_phase()
        self.say(round_line(done))

    def steps(self, name: str) -> Callable[[int, int, float], None]:
        """A bar for a training: to be told each step, how many there are, and the loss."""
        self._close_phase()
        task = self.progress.add_task(name, total=None, told="")

        def tell(step: int, steps: int, loss: float) -> None:
            self.progress.update(task, total=steps, completed=step, told=f"loss {loss:.3f}")
            if not self.console.is_terminal and (step == steps or step % max(1, steps // 10) == 0):
                self.say(f"{name}: step {step} of {steps}, loss {loss:.3f}")

        return tell

    def _told(self, spent: Usage) -> str:
        rate = f"{self._wins / self._ended:.0%} success" if self._ended else ""
        task = next(task for task in self.progress.tasks if task.id == self._task)
        speed = f"{task.speed:.1f}/s" if task.speed else ""
        cost = f"${spent.cost_usd:.2f}" if spent.cost_usd else ""
        return "  ".join(part for part in (rate, speed, f"{short_number(spent.tokens)} tokens", cost) if part)

    def _close_phase(self) -> None:
        if self._task is not None:
            self.progress.stop_task(self._task)
            self._task = None


class CellBars(Drawn):
    """One bar for the cells of a comparison, which says what those that are played now are at."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._task = self.progress.add_task("cells", total=cells, told="")
        self._now = dict[str, str]()

    @contextmanager
    def cell(self, name: str) -> Iterator[Watch]:
        """What a cell tells while it is played."""
        self.tell(name, "")
        try:
            yield _Cell(self, name)
        finally:
            self._now.pop(name)
            self.progress.update(self._task, advance=1)
            if not self.console.is_terminal:
                self.say(f"{name}: done")

    def tell(self, name: str, at: str) -> None:
        self._now[name] = at
        self.progress.update(self._task, told=", ".join(f"{one} {phase}" for one, phase in self._now.items()))


class _Cell(Silent):
    def __init__(self, bars: CellBars, name: str) -> None:
        self._bars, self._name = bars, name

    def phase(self, name: str, total: int, done: int = 0) -> None:
        self._bars.tell(self._name, name)


def round_line(done: Round) -> str:
    """A round in one line."""
    train = "no episodes" if done.train_success is None else f"train {done.train_success:.0%}"
    gate = "" if done.validation_success is None else f", validation {done.validation_success:.0%}"
    gate += "" if done.best is None else f" (best before {done.best:.0%})"
    verdict = "kept" if done.kept else "rolled back"
    return f"round {done.round}: {train}{gate}, {done.edits} edits, {verdict} (memory version {done.memory_version})"


def short_number(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)
