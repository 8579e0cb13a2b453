"""The suite ``web``: tasks on any site from a file, and what its pages may reach."""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from knowhow.environments.check import check_suite
from knowhow.environments.discover import build
from knowhow.environments.errors import BadSetting, UnknownName
from knowhow.environments.suites.web import Web
from knowhow.environments.types import SPLITS, Feedback, Task, ToolCall
from knowhow.environments.web_tasks import read_tasks

needs_browser = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None, reason="pip install 'knowhow-agents[web]'"
)

PAGES = {
    "/": "<h1>Start</h1><a href='/prices'>Prices</a> <a href='http://localhost:{port}/prices'>Abroad</a>"
    "<a href='/away'>Away</a> <img src='http://localhost:{port}/spy.png' alt=''>",
    "/prices": "<h1>Prices</h1><p>Ten euros\n per month</p><script>window.cart = {{items: 2}}</script>",
}

JUDGE = """
async def judge(task, row, view, answer):
    assert row.judge == "names the price"
    return 0.5 * ("ten" in answer) + 0.5 * ("Prices" in await view.text())
"""


@pytest.fixture
def site() -> Iterator[tuple[int, list[str]]]:
    """A site on 127.0.0.1 and, by another name, on localhost; its port, and who was asked for what."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("Location", f"http://localhost:{port}/stolen")
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(PAGES.get(self.path, "").format(port=port).encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield port, asked
    server.shutdown()
    server.server_close()


def write(path: Path, *rows: dict[str, Any]) -> str:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return str(path)


async def play(suite: Web, task: Task, *calls: ToolCall) -> list[Feedback]:
    async with suite.open(task, seed=0) as env:
        seen = [await env.reset()]
        for call in calls:
            seen.append(await env.step(call))
        return seen


def click(element: str) -> ToolCall:
    return ToolCall("click", {"element": element})


def done(answer: str) -> ToolCall:
    return ToolCall("done", {"answer": answer})


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"start": "https://a.example/"}', "it lacks goal"),
        ('{"start": "a.example", "goal": "g", "text": "t"}', "no address; write it as in https://example.org/"),
        ('{"start": "file:///etc/passwd", "goal": "g", "text": "t"}', "no address"),
        ('{"start": "https://a.example/", "goal": "g"}', "add one of url, text, js, answer, judge"),
        ('{"start": "https://a.example/", "goal": "g", "url": "("}', "is no regular expression"),
        (
            '{"start": "https://a.example/", "goal": "g", "text": "t", "split": "dev"}',
            "none of train, validation, test",
        ),
        ('{"start": "https://a.example/", "goal": "g", "txt": "t"}', "no field 'txt'; the fields are start, goal"),
        ('{"start": "https://a.example/", "goal": "g", "text": 3}', "text=3 is of the wrong type"),
        ('{"start": "https://a.example/", "goal": "g", "text": "t", "way": ["jump()"]}', "no tool 'jump'"),
        ('{"start": "https://a.example/", "goal": "g", "text": "t", "way": ["click()"]}', "it lacks element"),
        ('{"start": "https://a.example/", "goal": "g", "text": "t", "site": 12}', "site=12 is no world"),
        ('{"start": "https://a.example/", "goal": "g", "text": "t", "id": "one"}', "the id 'one' is there twice"),
        ("{", "is no JSON"),
    ],
)
def test_a_row_that_is_no_task_is_told_with_its_line(row: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    file.write_text(f'{{"start": "https://a.example/", "goal": "g", "text": "t", "id": "one"}}\n\n{row}\n')
    with pytest.raises(BadSetting, match=r"tasks\.jsonl line 3") as raised:
        Web(str(file)).tasks("train")
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_tasks_may_be_written_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "tasks.yaml"
    rows = "- start: https://a.example/\n  goal: look\n  text: Prices\n- start: here\n  goal: look\n  text: a\n"
    file.write_text(rows)
    with pytest.raises(BadSetting, match=r"tasks\.yaml line 4: start='here' is no address"):
        read_tasks(str(file))
    file.write_text(rows.replace("here", "http://b.example/x"))
    assert [(task.id, task.start) for task in read_tasks(str(file))] == [
        ("line-1", "https://a.example/"),
        ("line-4", "http://b.example/x"),
    ]
    for text, told in (
        ("- [a", "is no YAML"),
        ("a: b", "holds no list"),
        ("[]", "has no tasks"),
        ("- a", "line 1 is no mapping"),
    ):
        file.write_text(text)
        with pytest.raises(BadSetting, match=told):
            read_tasks(str(file))


def test_settings_that_do_not_fit_are_told_with_the_way_out(tmp_path: Path) -> None:
    file = write(tmp_path / "t.jsonl", {"start": "https://a.example/", "goal": "g", "judge": "is it kind?"})
    with pytest.raises(BadSetting, match=r"needs a judge; name one, as in judge='mine\.py:judge'"):
        Web(file).tasks("train")
    with pytest.raises(BadSetting, match="judge='kind' names no function"):
        Web(file, judge="kind")
    with pytest.raises(BadSetting, match=r"there is no file 'nowhere\.jsonl'"):
        Web("nowhere.jsonl").tasks("train")
    with pytest.raises(BadSetting, match="max_steps=0"):
        Web(max_steps=0)


def test_tasks_without_a_split_are_shared_among_them_by_what_they_are(tmp_path: Path) -> None:
    rows = [{"start": "https://a.example/", "goal": f"find {n}", "text": "t"} for n in range(60)]
    file, fewer = write(tmp_path / "a.jsonl", *rows), write(tmp_path / "b.jsonl", *rows[30:])
    split_of = {task.goal: split for split in SPLITS for task in Web(file).tasks(split)}
    assert len(split_of) == 60 and all(list(split_of.values()).count(split) >= 5 for split in SPLITS)
    assert all(split_of[task.goal] == split for split in SPLITS for task in Web(fewer).tasks(split))


@pytest.mark.browser
@needs_browser
async def test_a_page_is_judged_by_its_address_its_text_and_a_script(
    site: tuple[int, list[str]], tmp_path: Path
) -> None:
    start = {"start": f"http://127.0.0.1:{site[0]}/", "split": "test"}
    rows = [
        {**start, "goal": "prices", "url": "/prices$", "text": "Ten euros per month", "js": "cart.items === 2"},
        {**start, "goal": "more", "url": "/prices$", "js": "window.cart.lines.length > 2"},
        {**start, "goal": "never", "text": "Twelve euros"},
    ]
    suite = Web(write(tmp_path / "t.jsonl", *rows))
    solved, more, never = suite.tasks("test")
    first, last = await play(suite, solved, click("link Prices"))
    assert 'heading "Start"' in first.observation and (last.reward, last.terminated) == (1.0, True)
    for task in (more, never):
        *_, seen, end = await play(suite, task, click("link Prices"), done("that is it"))
        assert (seen.reward, seen.done) == (0.0, False) and (end.reward, end.terminated) == (0.0, True)
    with pytest.raises(UnknownName):
        await play(suite, Task("line-9", "web", "test", "web", "prices"))


@pytest.mark.browser
@needs_browser
async def test_an_answer_and_a_judge_are_asked_for_at_the_end(site: tuple[int, list[str]], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(JUDGE)
    start = {"start": f"http://127.0.0.1:{site[0]}/prices", "split": "train"}
    rows = [
        {**start, "goal": "how much?", "answer": "ten euros"},
        {**start, "goal": "look", "judge": "names the price"},
    ]
    suite: Web = build(
        "knowhow.environments.suites",
        f"web(tasks={write(tmp_path / 't.jsonl', *rows)!r}, judge={str(tmp_path / 'mine.py') + ':judge'!r})",
    )
    asks, looks = suite.tasks("train")
    assert (await play(suite, asks, done("Ten euros.")))[-1].reward == 1.0
    assert (await play(suite, asks, done("eleven")))[-1].reward == 0.0
    assert (await play(suite, looks, done("ten")))[-1].reward == 1.0
    assert (await play(suite, looks, done("no idea")))[-1].reward == 0.5


@pytest.mark.browser
@needs_browser
async def test_other_hosts_are_refused_by_links_by_redirects_and_for_pictures(
    site: tuple[int, list[str]], tmp_path: Path
) -> None:
    port, asked = site
    row = {"start": f"http://127.0.0.1:{port}/", "goal": "go", "text": "Ten euros", "split": "test"}
    suite = Web(write(tmp_path / "t.jsonl", row))
    (task,) = suite.tasks("test")
    for link in ("link Abroad", "link Away"):
        seen = await play(suite, task, click(link))
        assert (seen[-1].reward, seen[-1].done) == (0.0, False)
    assert asked and not [one for one in asked if one.startswith("localhost")], asked
    wider = Web(suite._file, hosts=f"127.0.0.1:{port}, localhost:{port}")
    assert (await play(wider, task, click("link Abroad")))[-1].reward == 1.0


@pytest.mark.browser
@needs_browser
async def test_the_sample_on_our_own_site_keeps_the_promises_of_a_suite() -> None:
    findings = await check_suite(Web(max_steps=4), tasks_per_split=1, seeds=(0,))
    assert [finding for finding in findings if not finding.ok] == []
    assert Web.outside
