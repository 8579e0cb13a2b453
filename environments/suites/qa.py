"""The suite ``qa``: one-turn questions from a file or from a data set of the Hugging Face hub."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path

from knowhow.environments import samples
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting
from knowhow.environments.question import OneTurn, Question
from knowhow.environments.question_rows import Accepted, Fields
from knowhow.environments.records import read_rows
from knowhow.environments.shares import split_of
from knowhow.environments.types import SPLITS, Split

GRADINGS = "knowhow.environments.gradings"


class Qa(OneTurn):
    """Questions of which each is in one split alone, however often it is asked.

    ``train``, ``validation`` and ``test`` are the sources of these splits, ``data`` of those without one, by a share
    that depends on ``seed`` and the question alone. A source is a ``.jsonl``, ``.json``, ``.yaml``, ``.csv``, ``.tsv``
    or ``.parquet`` file, text packed with gzip or not, or a data set of the hub, as in
    ``hf:OWNER/NAME/SUBSET@REVISION#SPLIT`` (``records.read_rows``).

    A row has a question and its answer, or a list of all that are right; with choices, the answer may be a letter or a
    place from 0. ``question``, ``answer``, ``choices`` and ``kind`` are what these fields are called, with dots into
    nested ones (``answers.text``); only the first two must be there.

    ``grading`` is one of ``environments/gradings``, or ``package.module:name`` of what is called with the question and
    the answer given and returns the reward in [0, 1], such as a judge. Empty, it is ``choice`` where there are choices
    and ``exact`` elsewhere. Nothing given: a few questions of our own.

    Raises: BadSetting for settings that do not fit; asked for tasks, also for rows that do not.
    """

    name = "qa"
    description = "One-turn questions from JSONL, CSV, Parquet or the Hugging Face hub; by default a few of our own."
    licence = "Apache-2.0 (the sample; other data have their own)"
    source = "the data's own; gradings after SQuAD (arXiv 1606.05250) and GSM8K (arXiv 2110.14168)"

    def __init__(
        self,
        data: str = "",
        *,
        train: str = "",
        validation: str = "",
        test: str = "",
        question: str = "question",
        answer: str = "answer",
        choices: str = "choices",
        kind: str = "kind",
        grading: str = "",
        seed: int = 0,
        name: str = "qa",
    ) -> None:
        given: dict[Split, str] = {"train": train, "validation": validation, "test": test}
        self._own = {split: source for split, source in given.items() if source}
        self._data = data or ("" if self._own else str(Path(samples.__path__[0]) / "questions.jsonl"))
        self._sharing = [split for split in SPLITS if split not in self._own]
        if self._sharing and not self._data:
            raise BadSetting(
                f"qa has no questions for {self._sharing[0]}; add {self._sharing[0]}='FILE' or data='FILE'"
            )
        self._fields = Fields(question, answer, choices, kind)
        self._grading = build(GRADINGS, grading) if grading else None
        self._seed = seed
        self.name = name

    def questions(self, split: Split) -> Sequence[Question]:
        return self._sorted[split]

    async def grade(self, question: Question, answer: str) -> float:
        """The best that the answer gets against any of those that are right."""
        grading = self._grading or build(GRADINGS, "choice" if question.choices else "exact")
        best = 0.0
        for right in question.accepted if isinstance(question, Accepted) else (question.answer,):
            said: float | Awaitable[float] = grading(replace(question, answer=right), answer)
            best = max(best, await said if isawaitable(said) else said)
            if best >= 1:
                break
        return best

    @functools.cached_property
    def _sorted(self) -> Mapping[Split, Sequence[Question]]:
        """The test split first: what it asks, no other one may ask. What is asked twice in a split is one question,
        with all answers that are right."""
        kept: dict[Split, dict[str, Accepted]] = {split: {} for split in SPLITS}
        asked: dict[str, Split] = {}
        for split, question in (*self._of_sources(), *self._of_shares()):
            if asked.setdefault(question.text, split) == split:
                before = kept[split].get(question.text, question)
                accepted = tuple(dict.fromkeys((*before.accepted, *question.accepted)))
                kept[split][question.text] = replace(before, accepted=accepted)
        return {split: [*questions.values()] for split, questions in kept.items()}

    def _of_sources(self) -> Iterator[tuple[Split, Accepted]]:
        for split in reversed(SPLITS):
            if split in self._own:
                yield from ((split, question) for question in self._read(self._own[split]))

    def _of_shares(self) -> Iterator[tuple[Split, Accepted]]:
        if self._sharing:
            for question in self._read(self._data):
                yield split_of(question.text, self._seed, self._sharing), question

    def _read(self, source: str) -> Iterator[Accepted]:
        for number, row in read_rows(source):
            try:
                yield self._fields.read(row)
            except BadSetting as error:
                raise BadSetting(f"{source} line {number}: {error}") from None
