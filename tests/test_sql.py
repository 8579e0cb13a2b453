"""The suite ``sql``: right and wrong queries, files in Spider's and BIRD's names, and what a query may not do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from knowhow.environments.check import assert_conforms
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.relational import engine
from knowhow.environments.relational.asking import KINDS, questions
from knowhow.environments.relational.matching import orders, same
from knowhow.environments.relational.offers import MOST, offered
from knowhow.environments.relational.schemas import SCHEMAS, script
from knowhow.environments.suites.sql import Sql
from knowhow.environments.types import SPLITS, Environment, Feedback, Task, ToolCall
from knowhow.environments.worker import Workers

SUITE = Sql()


async def run(env: Environment, query: str) -> Feedback:
    return await env.step(ToolCall("run_sql", {"query": query}))


async def handed_in(suite: Sql, task: Task, *queries: str) -> float:
    async with suite.open(task, seed=0) as env:
        await env.reset()
        for query in queries:
            await run(env, query)
        return (await env.step(ToolCall("submit"))).reward


def first(kind: str) -> Task:
    return next(task for task in SUITE.tasks("train") if task.kind == kind)


def gold(suite: Sql, task: Task) -> str:
    return str(suite.oracle(task, seed=0)[0].arguments["query"])


def test_it_is_a_suite() -> None:
    assert_conforms(SUITE, tasks_per_split=2)


async def test_the_oracle_answers_a_question_of_every_kind() -> None:
    kinds = {task.kind: task for task in SUITE.tasks("test")}
    assert len(kinds) == len(KINDS) >= 20
    assert [kind for kind, task in kinds.items() if await handed_in(SUITE, task, gold(SUITE, task)) != 1] == []


def test_every_question_of_our_own_has_an_answer_and_a_wrong_neighbour() -> None:
    """Of questions of one kind to one database, hardly any two have the same answer: to guess does not do."""
    asked = [one for split in SPLITS for one in questions(split)]
    assert len(asked) > 300 and len({one.text for one in asked}) == len(asked)
    results: dict[tuple[str, str], list[str]] = {}
    for one in asked:
        with closing(sqlite3.connect(":memory:")) as database:
            database.executescript(script(one.database))
            rows = database.execute(one.gold).fetchall()
        assert rows and rows != [(None,)]
        results.setdefault((one.database, one.kind), []).append(repr(sorted(rows)))
    assert sum(len(set(told)) for told in results.values()) > 0.9 * len(asked)


def test_no_database_is_in_two_splits_and_each_has_its_own_tables() -> None:
    places = {split: {one.database for one in questions(split)} for split in SPLITS}
    assert sum(map(len, places.values())) == len(SCHEMAS) == len(set.union(*places.values()))
    names = [table.name for schema in SCHEMAS for table in schema.tables]
    assert len(set(names)) == len(names)


WRONG = {
    "count_all": "SELECT 1 FROM {table}",
    "with_word": "SELECT {label} FROM {table}",
    "the_most": "SELECT {label} FROM {table} ORDER BY id LIMIT 1",
    "in_order": "SELECT {label} FROM {table} ORDER BY {label}",
    "of_each": "SELECT {label}, COUNT(*) FROM {table} GROUP BY {label}",
    "without_any": "SELECT {label} FROM {table}",
    "list_all": "SELECT {label} FROM {table} UNION ALL SELECT {label} FROM {table}",
    "summary": "SELECT NULL FROM {table} LIMIT 1",
}


@pytest.mark.parametrize("kind", WRONG)
async def test_a_query_with_another_result_earns_nothing(kind: str) -> None:
    task = first(kind)
    table = next(t for schema in SCHEMAS for t in schema.tables if f"FROM {t.name}" in gold(SUITE, task))
    assert await handed_in(SUITE, task, WRONG[kind].format(table=table.name, label=table.label)) == 0


async def test_the_last_query_that_ran_counts_and_there_has_to_be_one() -> None:
    task = first("with_word")
    right = gold(SUITE, task)
    assert await handed_in(SUITE, task, "SELECT 1", right, "SELEC", "DROP TABLE singers") == 1
    assert await handed_in(SUITE, task, right, "SELECT 1") == 0
    assert await handed_in(SUITE, task, f"WITH t AS ({right}) SELECT * FROM t ORDER BY 1 DESC;  -- another way") == 1
    async with SUITE.open(task, seed=0) as env:
        assert "singers(id, name, country, genre, age)" in (await env.reset()).observation
        lacking = await env.step(ToolCall("submit"))
        assert (lacking.done, lacking.observation) == (False, "There is no query to hand in: none has run yet.")
        assert "CREATE TABLE singers (id INTEGER PRIMARY KEY" in (await env.step(ToolCall("schema"))).observation
        assert (await run(env, "SELECT 1 AS one, NULL, 'x'")).observation == "one | NULL | 'x'\n1 | NULL | x"
        assert (await run(env, "SELECT id FROM concerts")).observation.endswith("(the first 20 rows; there are more)")
        assert (await run(env, "SELECT id FROM concerts WHERE 0")).observation == "id\n(no rows)"
        assert (await run(env, "SELECT nowhere")).observation == "It did not run: no such column: nowhere."


REFUSED = [
    "DELETE FROM singers",
    "UPDATE singers SET age = 1",
    "INSERT INTO singers VALUES (99, 'x', 'y', 'z', 1)",
    "CREATE TABLE t (x)",
    "CREATE TEMP TABLE t (x)",
    "DROP TABLE singers",
    "ATTACH DATABASE '{file}' AS other",
    "ATTACH DATABASE ':memory:' AS other",
    "VACUUM INTO '{file}'",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA hard_heap_limit = 1",
    "PRAGMA temp_store_directory = '/tmp'",
    "PRAGMA database_list",
    "SELECT load_extension('/lib/x.so')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('{file}', 'x')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT edit('x')",
    "BEGIN IMMEDIATE",
    "REINDEX",
    "ANALYZE",
    "SELECT 1; DROP TABLE singers",
    "",
    "-- nothing",
    "SELECT '\0'; SELECT 2",
    "SELECT zeroblob(900000000)",
    "SELECT printf('%.*c', 900000000, 'x')",
    "SELECT " + "(" * 400 + "1" + ")" * 400,
    "SELECT " + " UNION SELECT ".join(map(str, range(100))),
    "SELECT '" + "x" * 30_000 + "'",
]
ENDLESS = [
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n",
    "SELECT COUNT(*) FROM concerts a, concerts b, concerts c, concerts d, concerts e, concerts f",
    "WITH RECURSIVE n(x) AS (SELECT 'x' UNION ALL SELECT x || hex(randomblob(9999)) FROM n) SELECT MAX(x) FROM n",
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION SELECT x + 1 FROM n) SELECT x, randomblob(50000) FROM n ORDER BY 2",
]


async def test_a_query_can_do_nothing_but_read(tmp_path: Path) -> None:
    file = tmp_path / "out.db"
    async with SUITE.open(first("count_all"), seed=0) as env:
        await env.reset()
        for query in REFUSED:
            told = (await run(env, query.format(file=file))).observation
            assert told.startswith("It did not run: "), (query[:60], told)
        assert (await run(env, "SELECT COUNT(*) FROM singers")).observation == "COUNT(*)\n16"
        assert (await run(env, "SELECT name FROM pragma_table_info('singers')")).observation.startswith(
            "name\nid\nname"
        )
    assert not file.exists()


@pytest.mark.parametrize("query", ENDLESS)
async def test_an_endless_query_is_ended_and_the_database_goes_on(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowhow.environments.suites.sql.SECONDS", 0.3)
    async with SUITE.open(first("count_all"), seed=0) as env:
        await env.reset()
        told = (await run(env, query)).observation
        assert told.startswith(("It did not run: it took longer than 0.3 seconds", "It did not run: string or blob"))
        assert (await run(env, "SELECT COUNT(*) FROM singers")).observation == "COUNT(*)\n16"


HANGS = "SELECT instr(replace(hex(zeroblob(499000)), '0', 'a'), replace(hex(zeroblob(240000)), '0', 'a') || 'b')"
"""One step of SQLite's machine, between two looks at the clock."""


async def test_a_query_that_no_clock_ends_costs_its_process_and_not_the_episode(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    workers = Workers(Path(engine.__file__), label="SQLite", seconds=2)
    monkeypatch.setattr("knowhow.environments.suites.sql._workers", lambda: workers)
    task = first("count_all")
    async with SUITE.open(task, seed=0) as env:
        await env.reset()
        assert (await run(env, HANGS)).observation == "It did not run: it took too long or too much memory."
        await run(env, gold(SUITE, task))
        assert (await env.step(ToolCall("submit"))).reward == 1


def test_results_are_the_same_whatever_the_order_of_columns_and_of_rows_unless_that_was_asked() -> None:
    gold = [(1, "a", 2.5), (2, "b", None), (2, "b", None)]
    assert same(gold, [("b", 2, None), ("a", 1, 2.5), ("b", 2, None)], ordered=False)
    assert not same(gold, [("b", 2, None), ("a", 1, 2.5), ("b", 2, None)], ordered=True)
    assert same(gold, [("a", 1, 2.5), ("b", 2, None), ("b", 2, None)], ordered=True)
    assert not same(gold, gold[:2], ordered=False) and not same(gold, [row[:2] for row in gold], ordered=False)
    assert not same([(1, 2), (2, 1)], [(1, 1), (2, 2)], ordered=False)
    assert not same([(1,)], [("1",)], ordered=False) and not same([(None,)], [(0,)], ordered=False)
    assert same([(0.1 + 0.2, 2)], [(0.3, 2.0)], ordered=False) and not same([(0.3,)], [(0.31,)], ordered=False)
    assert same([], [], ordered=True) and not same([], [(1,)], ordered=False)
    wide = [tuple(range(12)), tuple(range(12, 24))]
    assert same(wide, [row[::-1] for row in wide], ordered=False)


@pytest.mark.parametrize(
    ("query", "ordered"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("select a from t where b in (select c from u order by d limit 1)", False),
        ("SELECT a FROM (SELECT a FROM t ORDER BY (a + (1))) x", False),
        ("SELECT 'order by' FROM t", False),
        ('SELECT "order by" FROM t -- order by a', False),
        ("SELECT max(a) FROM t GROUP BY b order\n  by max(a)", True),
    ],
)
def test_a_query_orders_its_result_where_it_says_so_outside_of_its_parts(query: str, ordered: bool) -> None:
    assert orders(query) == ordered


@pytest.fixture
def spider(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Questions in Spider's names, to thirty databases."""
    rows = []
    for n in range(30):
        folder = tmp_path / "database" / f"shop_{n}"
        folder.mkdir(parents=True)
        with closing(sqlite3.connect(folder / f"shop_{n}.sqlite")) as database:
            database.executescript(
                f"CREATE TABLE goods (name TEXT, price REAL, picture BLOB); "
                f"INSERT INTO goods VALUES ('tea', {n}.5, x'00ff'), (CAST(x'ff41' AS TEXT), 2, NULL);"
            )
        for what in ("name", "price", "picture"):
            query = f"SELECT {what} FROM goods ORDER BY price"
            rows.append({"db_id": f"shop_{n}", "question": f"What {what}s, of {n}?", "query": query})
    (tmp_path / "dev.json").write_text(json.dumps(rows))
    yield tmp_path / "dev.json", tmp_path / "database"


async def test_spiders_files_are_read_and_nothing_is_written_beside_the_databases(spider: tuple[Path, Path]) -> None:
    file, folder = spider
    before = {path: path.read_bytes() for path in folder.rglob("*.sqlite")}
    suite = build("knowhow.environments.suites", f"sql(tasks={str(file)!r}, databases={str(folder)!r})")
    splits = {split: {task.id.rpartition("-")[0] for task in suite.tasks(split)} for split in SPLITS}
    assert sum(map(len, splits.values())) == 30 and all(splits.values())
    for task in suite.tasks("train")[:3]:
        assert await handed_in(suite, task, gold(suite, task)) == 1
        assert await handed_in(suite, task, gold(suite, task) + " DESC", "DROP TABLE goods") == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_file_makes_a_suite(spider: tuple[Path, Path]) -> None:
    assert_conforms(Sql(str(spider[0]), databases=str(spider[1])), tasks_per_split=1, seeds=(0,))


async def test_birds_files_are_read_with_their_evidence(spider: tuple[Path, Path], tmp_path: Path) -> None:
    _, folder = spider
    row = {"db_id": "shop_3", "question": "What is cheap?", "evidence": "cheap means price < 3", "difficulty": "simple"}
    rows = [
        {**row, "question": f"{row['question']} {n}", "SQL": "SELECT name FROM goods WHERE price < 3"}
        for n in range(20)
    ]
    (tmp_path / "bird.jsonl").write_text("\n".join(map(json.dumps, rows)))
    suite = Sql(str(tmp_path / "bird.jsonl"), databases=str(folder))
    assert all(suite.tasks(split) for split in SPLITS)
    task = suite.tasks("test")[0]
    assert (task.kind, task.goal.endswith("\nHint: cheap means price < 3")) == ("simple", True)
    assert await handed_in(suite, task, "SELECT name FROM goods WHERE price = 2.0") == 1


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"question": "q", "query": "SELECT 1"}, "line 1: it has no text in the field 'db_id'"),
        (
            {"db_id": "shop_1", "question": "q"},
            "line 1: it has no text in the field 'query'; its fields are db_id, question",
        ),
        ({"db_id": "shop_1", "question": " ", "SQL": "SELECT 1"}, "line 1: it has no text in the field 'question'"),
        (
            {"db_id": "nowhere", "question": "q", "query": "SELECT 1"},
            r"there is no database .*nowhere\.sqlite; name the folder",
        ),
        ({"db_id": "../database/shop_1", "question": "q", "query": "SELECT 1"}, "there is no database"),
    ],
)
def test_a_row_that_is_no_question_is_told(
    row: dict[str, Any], told: str, spider: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "bad.json").write_text(json.dumps([row]))
    with pytest.raises(BadSetting, match=told):
        Sql(str(tmp_path / "bad.json"), databases=str(spider[1])).tasks("train")


def test_settings_that_do_not_go_together_are_told() -> None:
    with pytest.raises(BadSetting, match="tasks and databases go together"):
        Sql("dev.json")
    with pytest.raises(UnknownName, match="the suite sql has no task 'music-9'"):
        SUITE.oracle(Task("music-9", "sql", "train", "", ""), seed=0)


TABLES = [
    {"name": "keepers", "columns": [["id", ""], ["name", ""], ["age", ""]], "links": [], "sql": ""},
    {
        "name": "animals",
        "columns": [["id", ""], ["name", ""], ["keeper_id", ""]],
        "links": [["keeper_id", "keepers", "id"]],
    },
]


def test_what_is_offered_is_made_of_the_questions_words_alone() -> None:
    asked = offered('What are the names of the keepers whose age is above 30, or "Ana"?', TABLES)
    assert "SELECT name FROM keepers WHERE age > 30" in asked and len(asked) <= MOST
    assert "SELECT name FROM keepers WHERE name = 'Ana'" not in asked and not any("animals" in query for query in asked)
    linked = offered("What are the names of the keepers without animals?", TABLES)
    assert "SELECT name FROM keepers WHERE id NOT IN (SELECT keeper_id FROM animals)" in linked
    assert offered("Anything?", TABLES) == ["SELECT COUNT(*) FROM keepers", "SELECT COUNT(*) FROM animals"]


async def test_queries_are_listed_where_they_are_wanted() -> None:
    async with SUITE.open(first("count_all"), seed=0) as env:
        commands = (await env.reset()).commands or ()
        assert commands[-2:] == ("schema()", "submit()") and commands[0].startswith('run_sql(query="SELECT COUNT(*)')
    async with Sql(listed=False).open(first("count_all"), seed=0) as env:
        assert (await env.reset()).commands is None
