"""The suite ``sql``: questions to SQLite databases, judged by what the query that answers them returns."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from knowhow.environments.calls import render_call, tool
from knowhow.environments.episode import Episode
from knowhow.environments.errors import BadSetting, EngineFailed, UnknownName
from knowhow.environments.relational import engine
from knowhow.environments.relational.asking import Asked, questions
from knowhow.environments.relational.matching import orders, same
from knowhow.environments.relational.offers import offered
from knowhow.environments.relational.records import database_file, read_questions
from knowhow.environments.relational.schemas import script
from knowhow.environments.types import SPLITS, Environment, Feedback, Split, Suite, Task, ToolCall
from knowhow.environments.worker import Worker, Workers

RUN_SQL = tool("run_sql", "Run a query of the database, which can only be read.", query="One SELECT, in SQLite's SQL.")
SCHEMA = tool("schema", "See how the tables were created.")
SUBMIT = tool("submit", "Hand in the last query that you ran. There is one try.")
SHOWN = 20
"""Rows that the agent sees."""
COMPARED = 50_000
"""Rows of a result that are compared at most."""
SECONDS, GOLD_SECONDS = 5.0, 20.0
"""Processor time of a query."""


class Sql(Suite):
    """Questions, each to one database; the agent runs queries and hands in the last one.

    ``tasks``: a file in Spider's or BIRD's field names (``relational/records.py``), with the folder ``databases``; by
    default our own, in which a database belongs to one split alone. ``seed`` shares a file among the splits.
    ``listed``: offer simple queries made of the question's words; they are not all that can be asked, and models that
    can write SQL do better without. The reward is 1 where the result is that of the right query
    (``relational/matching.py``). The seed of an episode changes nothing.

    Raises: BadSetting for one setting without the other; asked for tasks, also for rows that are no questions.
    """

    name = "sql"
    description = "Questions to SQLite databases, judged by what the query that answers them returns."
    licence = "Apache-2.0 (our own databases and questions; other files have their own)"
    source = "made from a seed; formats after Spider (arXiv 1809.08887) and BIRD (arXiv 2305.03111)"
    max_steps = 15

    def __init__(self, tasks: str = "", *, databases: str = "", seed: int = 0, listed: bool = True) -> None:
        if bool(tasks) != bool(databases):
            raise BadSetting("tasks and databases go together, as in sql(tasks='dev.json', databases='database')")
        self._file, self._databases, self._seed, self._listed = tasks, databases, seed, listed

    def tasks(self, split: Split) -> Sequence[Task]:
        asked = (one for one in self._questions.values() if one.split == split)
        return tuple(Task(one.id, self.name, split, one.kind, one.text) for one in asked)

    @asynccontextmanager
    async def open(self, task: Task, *, seed: int) -> AsyncIterator[Environment]:
        asked = self._question(task)
        episode = _Asking(_workers(), asked, self._place(asked.database), self._listed)
        try:
            yield episode
        finally:
            episode.close()

    def oracle(self, task: Task, *, seed: int) -> Sequence[ToolCall]:
        return [ToolCall("run_sql", {"query": self._question(task).gold}), ToolCall("submit")]

    def _question(self, task: Task) -> Asked:
        if task.id not in self._questions:
            raise UnknownName(f"the suite {self.name} has no task {task.id!r}; take one from tasks({task.split!r})")
        return self._questions[task.id]

    def _place(self, database: str) -> tuple[str, str]:
        """The file of a database, or the SQL that makes it."""
        if self._file:
            return str(database_file(self._databases, database).resolve()), ""
        return "", script(database)

    @functools.cached_property
    def _questions(self) -> Mapping[str, Asked]:
        own = [one for split in SPLITS for one in questions(split)] if not self._file else []
        return {one.id: one for one in own or read_questions(self._file, self._databases, self._seed)}


class _Asking(Episode):
    def __init__(self, workers: Workers, asked: Asked, place: tuple[str, str], listed: bool) -> None:
        super().__init__(RUN_SQL, SCHEMA, SUBMIT)
        self._workers, self._asked, self._place, self._listed = workers, asked, place, listed
        self._worker: Worker | None = None
        self._query = ""

    def close(self) -> None:
        if self._worker:
            self._worker.close()
        self._worker = None

    async def begin(self) -> Feedback:
        self._tables = await self._opened()
        tables = (f"{table['name']}({', '.join(name for name, _ in table['columns'])})" for table in self._tables)
        listed = "\n".join(tables)
        return Feedback(f"The database {self._asked.database} has the tables:\n{listed}", commands=self._commands())

    async def answer(self, call: ToolCall) -> Feedback:
        if call.name == "schema":
            told = "\n".join(f"{table['sql']};" for table in self._tables)
            return Feedback(told, commands=self._commands())
        if call.name == "run_sql":
            found = await self._run(call.arguments["query"], SHOWN, SECONDS)
            self._query = self._query if "error" in found else call.arguments["query"]
            return Feedback(_told(found), commands=self._commands())
        if not self._query:
            return Feedback("There is no query to hand in: none has run yet.", commands=self._commands())
        return Feedback("Your query is handed in.", float(await self._is_right()), terminated=True, commands=())

    async def _is_right(self) -> bool:
        gold = await self._run(self._asked.gold, COMPARED, GOLD_SECONDS)
        if "error" in gold or gold["more"]:
            raise EngineFailed(
                f"the right query of {self._asked.id} cannot be compared: {gold.get('error', 'too long')}"
            )
        found = await self._run(self._query, len(gold["rows"]), SECONDS)
        if "error" in found or found["more"]:
            return False
        return same(gold["rows"], found["rows"], ordered=orders(self._asked.gold))

    async def _run(self, query: str, most: int, seconds: float) -> Mapping[str, Any]:
        """What came of a query. One that even the clock does not end costs its process, and the next gets another."""
        if self._worker is None:
            await self._opened()
        assert self._worker is not None
        try:
            return dict(await self._worker.ask("query", query, most, seconds))
        except EngineFailed:
            self.close()
            return {"error": "it took too long or too much memory"}

    async def _opened(self) -> Sequence[Mapping[str, Any]]:
        self._worker = self._workers.start()
        return list(await self._worker.ask("open", *self._place))

    def _commands(self) -> tuple[str, ...] | None:
        if not self._listed:
            return None
        calls = [ToolCall("run_sql", {"query": query}) for query in offered(self._asked.text, self._tables)]
        return tuple(render_call(call, self._tools) for call in (*calls, ToolCall("schema"), ToolCall("submit")))


def _told(found: Mapping[str, Any]) -> str:
    if "error" in found:
        return f"It did not run: {found['error']}."
    lines = [" | ".join(found["columns"]), *(" | ".join(map(_cell, row)) for row in found["rows"])]
    lines += [f"(the first {SHOWN} rows; there are more)"] if found["more"] else []
    return "\n".join(lines) if found["rows"] else f"{lines[0]}\n(no rows)"


def _cell(value: object) -> str:
    return "NULL" if value is None else str(value)[:80]


@functools.cache
def _workers() -> Workers:
    """All episodes of this process ask in processes forked from one."""
    return Workers(Path(engine.__file__), label="SQLite", seconds=40)
