"""Web pages as environments, in a real browser: what is seen, what can be done, what is refused, and what is left."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from processes import command, gone, run, runs

from knowhow.environments.browser import chromium
from knowhow.environments.browser.chromium import chromiums, close_browsers, thread
from knowhow.environments.browser.commands import values_in
from knowhow.environments.browser.episode import Judge, Verdict, View, Visit, browse, shortened
from knowhow.environments.browser.executable import SYSTEM, VARIABLE, executable
from knowhow.environments.browser.gate import Gate
from knowhow.environments.calls import parse_call
from knowhow.environments.errors import BadSetting, EngineFailed, MissingExtra
from knowhow.environments.types import Environment, Feedback

installed = importlib.util.find_spec("playwright") is not None
needs_browser = pytest.mark.skipif(
    not installed or not any(map(shutil.which, SYSTEM)), reason="pip install 'knowhow-agents[web]', and Chromium"
)
pytestmark = [pytest.mark.browser, needs_browser]


async def unjudged(view: View, answer: str | None) -> Verdict:
    return Verdict()


class Player:
    """An episode on one page of HTML, played by calls as text."""

    def __init__(self, env: Environment, first: Feedback) -> None:
        self.env, self.last = env, first

    async def __call__(self, call: str) -> Feedback:
        self.last = await self.env.step(parse_call(call, self.env.tools))
        return self.last


@asynccontextmanager
async def page(folder: Path, html: str, judge: Judge = unjudged, **visit: Any) -> AsyncIterator[Player]:
    (folder / "page.html").write_text(f"<!DOCTYPE html><body>{html}</body>")
    async with browse(Visit((folder / "page.html").as_uri(), folder=folder, **visit), judge) as env:
        yield Player(env, await env.reset())


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback: its host with the port, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.startswith("/to="):
                self.send_response(302)
                self.send_header("Location", self.path[4:])
                self.end_headers()
            else:
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", asked
        server.shutdown()


def family(name: str = "chrom") -> set[int]:
    """The processes that this one, or one that it started, has started, by a part of their name."""
    return set(_parents(name))


def browsers() -> set[int]:
    """The browsers themselves: what they started not counted."""
    parents = _parents("chrom")
    return {pid for pid, parent in parents.items() if parent not in parents}


def _parents(name: str) -> dict[int, int]:
    """The parent of each process in the family."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (entry / "stat").read_text()
            found[int(entry.name)] = (
                int(told.rpartition(")")[2].split()[1]),
                told.partition("(")[2].rpartition(")")[0],
            )
    ours = {os.getpid()}
    while more := {pid for pid, (parent, _) in found.items() if parent in ours} - ours:
        ours |= more
    return {pid: found[pid][0] for pid in ours if name in found[pid][1] and runs(pid)}


async def test_elements_are_named_by_role_and_name_and_acted_on_by_name_or_ref(tmp_path: Path) -> None:
    html = """<p>User <input id=u></p><p>Colour <select><option>red<option>green</select></p>
      <button onclick="said.textContent = u.value + '!'">Greet</button><button>Greet</button>
      <div style="cursor: pointer" onclick="said.textContent='div'">More</div><p id=said></p>"""
    async with page(tmp_path, html, goal='Greet "Ann" in "green"') as do:
        offered = do.last.commands or ()
        assert {'click(element="button Greet")', 'click(element="button Greet 2")'} <= set(offered)
        assert 'fill(element="textbox User", text="Ann")' in offered
        assert 'select(element="combobox Colour", option="green")' in offered
        await do('fill(element="textbox User", text="Ann")')
        assert 'press(key="Enter")' in (do.last.commands or ())
        assert "Ann!" in (await do('click(element="button Greet")')).observation
        (ref,) = [line.split("ref=")[1].split("]")[0] for line in do.last.observation.splitlines() if ": More" in line]
        assert "paragraph" in (await do(f'click(element="{ref}")')).observation and "div" in do.last.observation
        assert '"green" [selected]' in (await do('select(element="combobox Colour", option="green")')).observation


async def test_an_action_that_cannot_be_is_told_and_changes_nothing(tmp_path: Path) -> None:
    html = """<button>Under</button><div style="position:fixed;inset:0;background:white"></div>
      <select><option>red</select><p id=x>text</p>"""
    async with page(tmp_path, html) as do:
        before = do.last.observation
        for call, why in [
            ('click(element="e99")', "no element 'e99'"),
            ('click(element="button Over")', "no element 'button Over'"),
            ('fill(element="button Under", text="x")', "Nothing happens: Element is not an <input>"),
            ('select(element="combobox", option="blue")', "It has: red."),
            ('press(key="Nonsense")', "Nothing happens: Unknown key"),
            ('scroll(direction="away")', "'away' is none of up, down"),
            ("back()", "no page before this one"),
            ('click(element="button Under")', "another element lies over it"),
        ]:
            said = await do(call)
            assert why in said.observation and said.observation.endswith(before), call
            assert not said.reward and not said.done


async def test_dragging_scrolling_and_clicking_at_a_place(tmp_path: Path) -> None:
    html = """<div id=a style="width:100px;height:20px" role=button aria-label=box>
      </div><p id=said></p><div style="height:3000px"></div><button>Bottom</button>
      <script>let from; addEventListener('mousedown', e => from = e.clientX);
      addEventListener('mouseup', e => said.textContent = `moved ${e.clientX - from}`);
      addEventListener('click', e => said.textContent += ` at ${e.offsetX}`)</script>"""
    async with page(tmp_path, html) as do:
        assert "moved 30" in (await do('drag(element="button box", dx=30)')).observation
        assert "moved 0 at 7" in (await do('click(element="button box", x=7, y=3)')).observation
        assert 'scroll(direction="up")' not in (do.last.commands or ())
        await do('scroll(direction="down")')
        assert {'scroll(direction="up")', 'scroll(direction="down")'} <= set(do.last.commands or ())


async def test_timers_and_animations_are_through_and_no_time_passes(tmp_path: Path) -> None:
    html = """<style>@keyframes k { to { width: 9px } } #b { animation: k 9s; transition: all 9s }</style>
      <div id=b></div>
      <button onclick="setTimeout(() => said.textContent = 'late ' + Date.now(), 900)">Go</button><p id=said></p>"""
    told = []
    for _ in range(2):
        async with page(tmp_path, html, time="2020-02-02T00:00:00Z") as do:
            first = do.last
            await asyncio.sleep(0.01)
            told.append((first, await do('click(element="button Go")')))
    assert "late 15806016" in told[0][1].observation
    assert told[0] == told[1]


async def test_a_picture_that_a_style_shows_is_there_when_the_page_is_looked_at(tmp_path: Path) -> None:
    """Before it is loaded, what it is on has no size, and so cannot be clicked."""
    (tmp_path / "icon.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>')
    html = """<button onclick="one.className = 'icon' + n++">Show</button>
      <span id=one title=picture onclick="0"></span><script>let n = 0; for (let i = 0; i < 9; i++)
      document.write(`<style>.icon${i} { content: url(icon.svg?${i}); height: 14px }</style>`)</script>"""
    async with page(tmp_path, html) as do:
        assert 'click(element="button picture")' not in (do.last.commands or ())
        for _ in range(9):
            assert 'click(element="button picture")' in ((await do('click(element="button Show")')).commands or ())
        assert "Nothing happens" not in (await do('click(element="button picture")')).observation


async def test_dialogs_new_windows_and_downloads_hold_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<title>Other</title><p>other page<script>alert('hello')</script>")
    (tmp_path / "data.bin").write_bytes(bytes(9))
    html = """<button onclick="said.textContent = confirm('Sure?') + prompt('Name?', 'Bo')">Ask</button><p id=said></p>
      <a href="other.html" target="_blank">Tab</a> <button onclick="window.open('other.html')">Window</button>
      <a href="data.bin" download>File</a>"""
    async with page(tmp_path, html) as do:
        said = (await do('click(element="button Ask")')).observation
        assert "'Sure?'" in said and "'Name?'" in said and "trueBo" in said
        assert "A download of 'data.bin' was refused." in (await do('click(element="link File")')).observation
        for opener in ("link Tab", "button Window"):
            said = (await do(f'click(element="{opener}")')).observation
            assert "other page" in said and "'hello'" in said
            assert "back()" in (do.last.commands or ())
            assert "Ask" in (await do("back()")).observation
            assert "back()" not in (do.last.commands or ())


async def test_only_what_is_allowed_is_reached(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "secret.html").write_text("<p>hidden words")
    outside = (tmp_path / "secret.html").as_uri()
    (tmp_path / "site" / "link.html").symlink_to(tmp_path / "secret.html")
    with served(tmp_path) as (allowed, asked), served(tmp_path) as (other, asked_other):
        html = f"""<a href="{outside}">File</a> <a href="link.html">Link</a> <a href="http://{allowed}/secret.html">Good</a>
          <a href="http://{other}/secret.html">Port</a> <a href="http://{allowed}/to=http://localhost:80/x">Redirect</a>
          <button onclick="new WebSocket('ws://{other}/x')">Socket</button> <a href="http://example.org/">Far</a>
          <button onclick="fetch('http://{other}/fetched', {{mode: 'no-cors'}}).catch(() => 0)">Fetch</button>
          <img src="http://{other}/img"><iframe src="{outside}"></iframe>
          <button onclick="navigator.serviceWorker.register('x.js').catch(() => 0)">Worker</button>"""
        async with page(tmp_path / "site", html, hosts=(allowed,)) as do:
            first = do.last.observation
            assert f"asked for {other}, which is out of bounds" in first and "file: addresses" in first
            for element in ("link File", "link Link", "link Port", "button Socket", "button Fetch", "link Far"):
                said = (await do(f'click(element="{element}")')).observation
                assert "out of bounds" in said and "hidden words" not in said, element
            assert "cannot be opened" in (await do('click(element="link Redirect")')).observation
            assert asked.pop() == "/to=http://localhost:80/x"
            assert "link Redirect" in str(do.last.commands), "the page is still there"
            await do('click(element="button Worker")')
            assert asked_other == []
            assert "hidden words" in (await do('click(element="link Good")')).observation
            assert asked == ["/secret.html"]


def test_the_gate_reads_addresses_as_a_browser_does(tmp_path: Path) -> None:
    gate = Gate(("127.0.0.1:8000", "example.org"), tmp_path)
    inside = (
        "http://127.0.0.1:8000/a",
        "ws://127.0.0.1:8000",
        "https://example.org/x",
        f"file://{tmp_path}/a",
        "about:blank",
    )
    outside = ("http://127.0.0.1/", "http://127.0.0.1:8001/", "http://example.org.evil/", "ftp://example.org/")
    files = (
        f"file://{tmp_path}/../x",
        f"file://{tmp_path}/%2e%2e/x",
        f"file://host{tmp_path}/a",
        f"file://{tmp_path}x/a",
    )
    tricks = (
        "http://example.org@evil/",
        "http://evil/#example.org",
        "chrome://version",
        "view-source:file:///etc/passwd",
    )
    assert [url for url in inside if not gate.admits(url)] == []
    assert [url for url in (*outside, *files, *tricks) if gate.admits(url)] == []


async def test_a_judge_sees_the_page_and_the_answer(tmp_path: Path) -> None:
    async def judge(view: View, answer: str | None) -> Verdict:
        count = await view.evaluate("n => document.querySelectorAll('i').length + n", 1)
        return Verdict(float(answer == "yes" and "clicked" in await view.text()), over=count > 2)

    html = "<button onclick=\"p.innerHTML += 'clicked <i></i>'\">Go</button><p id=p></p>"
    async with page(tmp_path, html, judge, goal='Say "yes"', answers=True) as do:
        assert 'done(answer="yes")' in (do.last.commands or ())
        assert not (await do('click(element="button Go")')).done
        said = await do('done(answer="yes")')
        assert (said.reward, said.terminated, said.commands) == (1.0, True, ())
    async with page(tmp_path, html, judge) as do:
        assert not [offered for offered in do.last.commands or () if offered.startswith("done")]
        await do('click(element="button Go")')
        said = await do('click(element="button Go")')
        assert (said.reward, said.terminated) == (0.0, True)


async def test_a_killed_browser_costs_the_episode_and_the_next_one_gets_another(tmp_path: Path) -> None:
    for victim in ("chrom", "node"):
        close_browsers()
        others = family("node") | browsers()
        async with page(tmp_path, "<button>Go</button>") as do:
            (killed,) = (browsers() if victim == "chrom" else family("node")) - others  # the browser, or its driver
            os.kill(killed, signal.SIGKILL)
            await gone(killed)
            with pytest.raises(EngineFailed, match="gone; open the episode again"):
                await do('click(element="button Go")')
        async with page(tmp_path, "<button>Go</button>") as do:
            assert "Go" in (await do('click(element="button Go")')).observation


async def test_a_browser_that_is_killed_while_pages_open_costs_their_episodes_and_says_so(tmp_path: Path) -> None:
    async def opened() -> str:
        try:
            async with page(tmp_path, "<button>Go</button>") as do:
                return do.last.observation
        except EngineFailed as failed:
            return str(failed)

    for wait_s in (0.0, 0.02, 0.05, 0.1, 0.2):
        close_browsers()
        async with page(tmp_path, "<button>Go</button>"):
            (running,) = browsers()
            opening = [asyncio.create_task(opened()) for _ in range(6)]
            await asyncio.sleep(wait_s)
            os.kill(running, signal.SIGKILL)
            said = await asyncio.wait_for(asyncio.gather(*opening), 60)
            assert all("gone; open the episode again" in one or "Go" in one for one in said), said


async def test_a_page_that_is_stuck_or_crashed_costs_its_own_episode_only(tmp_path: Path) -> None:
    async with page(tmp_path, "<p>good <button>Go</button>") as good:
        before = browsers()
        async with page(tmp_path, "<button onclick='for (;;);'>Hang</button>", seconds=2) as do:
            with pytest.raises(EngineFailed, match="no answer for 2 s"):
                await do('click(element="button Hang")')
        async with page(tmp_path, "<button>Go</button>") as do:
            await thread().run(_crashed(do))
            with pytest.raises(EngineFailed, match="gone"):
                await do('click(element="button Go")')
        assert "good" in (await good('click(element="button Go")')).observation
        assert browsers() == before


async def _crashed(do: Player) -> None:
    """Let the page's own process crash."""
    page = do.env._tab.page  # type: ignore[attr-defined]
    await asyncio.wait([asyncio.create_task(page.goto("chrome://crash"))], timeout=3)


async def test_one_browser_is_shared_by_all_event_loops_with_so_many_contexts_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def once(n: int) -> str:
        folder = tmp_path / str(n)
        folder.mkdir()
        async with page(folder, f"<p>page {n}") as do:
            (running,) = chromiums()._running.values()
            assert len(running.browser.contexts) <= 2
            return do.last.observation

    close_browsers()
    monkeypatch.setattr(chromium, "MOST_OPEN", 2)
    others = browsers()
    told = await asyncio.gather(*(once(n) for n in range(4)), asyncio.to_thread(lambda: asyncio.run(once(4))))
    assert [text for n, text in enumerate(told) if f"page {n}" not in text] == []
    assert len(browsers() - others) == 1
    (running,) = chromiums()._running.values()
    assert (running.users, running.browser.contexts) == (0, [])
    close_browsers()


@pytest.mark.parametrize("end", ["", "raise KeyboardInterrupt", "os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)"])
async def test_no_browser_and_no_file_outlives_the_process(tmp_path: Path, end: str) -> None:
    program = f"""
import asyncio, os, sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent)!r})
from test_browser import family, page

async def main():
    async with page(Path({str(tmp_path)!r}), "<p>x") as do:
        print(*family(), *family("node"), flush=True)
        {end or "pass"}

asyncio.run(main())
"""
    temporary = Path(tempfile.mkdtemp())  # a short name: sockets lie in it
    environ = {**os.environ, "TMPDIR": str(temporary)}
    process = await asyncio.create_subprocess_exec(*command(program), stdout=-1, stderr=subprocess.PIPE, env=environ)
    told, errors = await process.communicate()
    pids = list(map(int, told.split()))
    assert len(pids) > 3, errors
    for pid in pids:
        await gone(pid)
    assert b"never awaited" not in errors and b"Exception ignored" not in errors
    await asyncio.to_thread(_left_empty, temporary)


def _left_empty(folder: Path) -> None:
    """Remove a folder once the driver, which goes last, has cleared it. Raises: OSError where it does not."""
    for _ in range(200):
        if not any(folder.iterdir()):
            break
        time.sleep(0.05)
    folder.rmdir()


async def test_ctrl_c_ends_a_process_that_waits_for_a_page(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<button onclick='for (;;);'>Hang</button>")
    program = f"""
import asyncio, os, sys
from pathlib import Path
sys.path.append({str(Path(__file__).parent)!r})
from test_browser import family, page

async def main():
    async with page(Path({str(tmp_path)!r}), "<button onclick='for (;;);'>Hang</button>") as do:
        print(*family(), *family("node"), flush=True)
        await do('click(element="button Hang")')

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        *command(program), stdout=-1, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    pids = list(map(int, (await process.stdout.readline()).split()))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert await asyncio.wait_for(process.wait(), 40) != 0
    for pid in pids:
        await gone(pid)


def test_what_can_be_typed_is_read_from_the_goal() -> None:
    assert values_in('Enter "myron" and "TVk Ep" and press Login.') == ("myron", "TVk Ep", "Login")
    assert values_in("Book a flight from Boston to San Jose on 12/02/2016.") == ("Boston", "San Jose", "12/02/2016")
    assert values_in("Type the word banana.") == ("Type", "word", "banana")


def test_a_long_page_is_cut_and_says_so() -> None:
    assert shortened("one\ntwo\nthree\nfour", 9) == "one\ntwo\n(2 more lines of this page are not shown.)"
    assert shortened("short", 9) == "short"


def test_the_browser_is_playwrights_own_else_the_systems_else_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, chrome = tmp_path / "own", tmp_path / "google-chrome"
    for program in (own, chrome):
        program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert executable(str(own)) == str(own)
    assert executable(str(tmp_path / "none")) == str(chrome)
    chrome.unlink()
    with pytest.raises(MissingExtra, match="playwright install chromium"):
        executable(str(tmp_path / "none"))
    monkeypatch.setenv(VARIABLE, str(own))
    assert executable(str(tmp_path / "none")) == str(own)
    monkeypatch.setenv(VARIABLE, "no-such-browser")
    with pytest.raises(BadSetting, match="'no-such-browser' is no program"):
        executable(str(own))


async def test_a_start_page_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    async with browse(Visit(f"file://{tmp_path}/none.html", folder=tmp_path), unjudged) as env:
        with pytest.raises(BadSetting, match=r"none.html cannot be opened: net::ERR_FILE_NOT_FOUND"):
            await env.reset()


def test_a_missing_extra_is_told() -> None:
    told = run("""
import asyncio, importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "playwright" else find(name, package)
from knowhow.environments.browser.chromium import thread
try:
    thread()
except ImportError as error:
    print(error)
""")
    assert "pip install 'knowhow-agents[web]'" in told
