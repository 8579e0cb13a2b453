"""The viewer in a real Chromium: by mouse, by keyboard alone, while a run goes on, dark, narrow, and under attack."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from viewed import Viewer, empty, episode, hostile, learned, viewing

from knowhow.environments.browser.executable import executable
from knowhow.environments.errors import MissingExtra
from knowhow.memory.episodes import Episodes
from knowhow.memory.journal import Journal
from knowhow.memory.types import Status

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="pip install 'knowhow-agents[web]'"),
]

RUN = "/runs/learned"
PAGES = (
    *(
        "/",
        RUN,
        f"{RUN}/episodes",
        f"{RUN}/episodes/after0-0",
        f"{RUN}/episodes/screen",
        f"{RUN}/memory",
        f"{RUN}/review",
    ),
    *(
        f"{RUN}/memory/items/str-00001",
        f"{RUN}/memory/history",
        f"{RUN}/memory/diff?a=1&b=3",
        "/compare?run=learned&run=empty",
    ),
    *("/runs/hostile", "/runs/hostile/memory", "/runs/hostile/review", "/runs/nobody"),
)
CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c; } return rgb(getComputedStyle(document.body).backgroundColor); };
  const told = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const seen = (e) => told(e) && e.checkVisibility() && !e.closest("svg, .crumb");
  return [...document.querySelectorAll("main *, header *")].filter(seen)
    .map((e) => { const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 90)]; }).filter(([ratio]) => ratio < 4.5);
}"""
UNNAMED = """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")]
  .filter((e) => e.tabIndex < 0 ||
    !(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.querySelector("img[alt]")))
  .map((e) => e.outerHTML)"""
"""Controls that the keyboard does not reach, or that have no name."""
MEANWHILE = """moment => document.addEventListener(moment, () => {
  const search = document.querySelector("input[type=search]");
  search.value = "after0-1";
  search.form.requestSubmit();
}, { once: true })"""
"""Searches for more at the first such moment of the search before it."""
SIDEWAYS = "() => document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    learned(place / "learned")
    hostile(place / "hostile")
    empty(place / "empty")
    return place


@pytest.fixture(scope="module")
def viewer(runs: Path) -> Iterator[Viewer]:
    with viewing(runs) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            program = executable(playwright.chromium.executable_path)
        except MissingExtra as error:
            pytest.skip(str(error))
        flags = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        with playwright.chromium.launch(executable_path=program, args=flags) as found:
            yield found


class Tab:
    """A page of the browser, and what it complained about."""

    def __init__(self, page: Any, base: str) -> None:
        self.page, self.base, self.complaints = page, base, list[str]()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda told: self._note(told.type, told.text))

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def sees(self, text: str, where: str = "main") -> None:
        self.page.locator(where).get_by_text(text).first.wait_for()

    @property
    def path(self) -> str:
        return str(self.page.evaluate("location.pathname"))

    def arrives(self, path: str) -> None:
        self.page.wait_for_url(re.compile(re.escape(path)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "404" not in text:
            self.complaints.append(text)


@pytest.fixture
def tab(browser: Any, viewer: Viewer) -> Iterator[Tab]:
    with browser.new_context() as context:
        made = Tab(context.new_page(), viewer.url)
        yield made
        assert made.complaints == []


@pytest.fixture
def run(runs: Path) -> Iterator[Path]:
    """A run of a test's own, which the viewer finds by itself."""
    folder = runs / "own"
    shutil.copytree(runs / "learned", folder)
    yield folder
    shutil.rmtree(folder)


def test_from_all_runs_to_what_a_lesson_did(tab: Tab) -> None:
    page = tab.page
    tab.go("/")
    page.get_by_role("link", name="learned").click()
    page.locator(".chart canvas").wait_for()
    box = page.locator(".chart .u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 20)
    tab.sees("50% (30% to 70%), rolled back", ".chart")
    page.locator(".kind-name").get_by_role("link", name="heat").click()
    tab.sees("20 episodes, 18 solved")
    page.locator("[data-row]").first.click()
    page.get_by_text("Recalled: 2 items").wait_for()
    page.locator(".recalled").get_by_role("link", name="str-00001").click()
    tab.sees("once was not enough")
    page.locator(".chart canvas").wait_for()
    page.get_by_role("link", name="train1-0").click()
    tab.sees("You see a mug.")
    page.get_by_role("link", name="Prompts and replies").click()
    tab.sees("You act.")


def test_a_screenshot_is_seen(tab: Tab) -> None:
    tab.go(f"{RUN}/episodes/screen")
    image = tab.page.locator(".shot img")
    image.wait_for()
    assert image.evaluate("async image => { await image.decode(); return image.naturalWidth; }") == 1


def test_two_runs_are_put_side_by_side(tab: Tab) -> None:
    tab.go("/")
    for name in ("learned", "empty"):
        tab.page.get_by_label(f"put {name} side by side").check()
    tab.page.get_by_role("button", name="Side by side (2)").click()
    tab.sees("Learning curves")
    tab.page.locator(".chart canvas").wait_for()


def test_the_list_follows_what_is_typed(tab: Tab) -> None:
    tab.go(f"{RUN}/episodes")
    tab.page.get_by_label("Search episodes").type("cites:str-00001")
    tab.sees("120 episodes")
    tab.page.get_by_label("Phase").select_option("validation")
    tab.sees("40 episodes")
    assert "phase=validation" in tab.page.url and "cites" in tab.page.url
    tab.page.reload()
    tab.sees("40 episodes")
    tab.page.get_by_label("Search episodes").fill("nothing like it")
    tab.sees("Nothing fits")


@pytest.mark.parametrize("moment", ["htmx:after:request", "htmx:before:swap"])
def test_what_is_typed_while_an_answer_arrives_is_searched_too(tab: Tab, moment: str) -> None:
    tab.go(f"{RUN}/episodes")
    tab.page.evaluate(MEANWHILE, moment)
    tab.page.get_by_label("Search episodes").fill("after0-")
    tab.sees("11 episodes")
    assert "text=after0-1&" in tab.page.url


def test_a_decision_while_the_answer_to_another_arrives_is_shown_too(tab: Tab, run: Path) -> None:
    tab.go("/runs/own/review")
    page = tab.page
    page.locator("#waits-pro-00001 summary[data-key=e]").click()
    page.evaluate(
        """() => document.addEventListener("htmx:before:swap",
          () => document.querySelector("[aria-label='Accept oth-00002']").click(), { once: true })"""
    )
    page.get_by_role("button", name="Accept oth-00001").click()
    tab.sees("Accepted oth-00002")
    assert page.locator(".waiting > li").count() == 1
    assert page.get_by_label("The text in other words").is_visible(), "what is open stays open"


def test_all_of_it_by_the_keyboard_alone(tab: Tab, run: Path) -> None:
    page = tab.page
    tab.go("/")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    tab.press("Escape", "j")
    while page.evaluate("document.activeElement.textContent") != "own":
        tab.press("j")
    tab.press("Enter")
    tab.arrives("/runs/own")
    tab.press("g", "e")
    tab.arrives("/runs/own/episodes")
    tab.press("/")
    page.keyboard.type("after0-1")
    assert page.get_by_label("Search episodes").input_value() == "after0-1"
    tab.sees("11 episodes")
    tab.press("Escape", "j", "j", "k", "Enter")
    tab.arrives("/episodes/after0-1")
    tab.press("]")
    tab.arrives("/episodes/after0-2")
    tab.press("g", "m")
    tab.arrives("/runs/own/memory")
    tab.press("]")
    tab.arrives("page=2")
    tab.press("g", "r")
    tab.arrives("/runs/own/review")
    tab.press("j", "x")
    page.keyboard.type("no passwords")
    tab.press("Enter")
    tab.sees("Rejected oth-00001")
    tab.press("a")  # the next has the focus by itself
    tab.sees("Accepted oth-00002")
    tab.press("e", "Control+a")
    page.keyboard.type("Look first.")
    tab.press("Tab", "Enter")
    tab.sees("Nothing waits")
    with Journal.open(run / "journal.db") as journal:
        items = journal.items()
    assert (items["oth-00001"].status, items["oth-00002"].status) == (Status.RETIRED, Status.CANDIDATE)
    assert items["str-00002"].text == "Look first."


def test_the_first_tab_leads_past_the_bar(tab: Tab) -> None:
    tab.go(RUN)
    tab.press("Tab", "Enter")
    assert tab.page.evaluate("document.activeElement.id") == "main"


def test_a_run_that_is_going_is_followed(tab: Tab, run: Path) -> None:
    (run / "result.json").unlink()
    with (run / "lock").open("w") as lock, Episodes.open(run) as episodes:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tab.go("/runs/own")
        tab.sees("54 of 60")
        tab.page.locator("summary", has_text="Figures").click()
        tab.page.evaluate("document.querySelector('.chart canvas').dataset.same = 'yes'")
        episodes.put(episode("last"), phase="after", round=0, index=60)
        tab.sees("55 of 61")
        assert tab.page.locator("details.figures[open]").count() == 1, "what was opened stays open"
        assert tab.page.locator("canvas[data-same]").count() == 1, "a chart of the same is not drawn again"
        tab.page.locator(".poll").wait_for(state="attached")
        (run / "result.json").write_text("{}")
        tab.page.locator(".poll").wait_for(state="detached")
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tab.go("/runs/own/review")
        tab.page.get_by_role("button", name="Accept oth-00001").click()
        tab.sees("another process is working in")
        tab.complaints.clear()  # the browser's note of the refusal


def test_every_page_is_readable_light_dark_and_narrow(tab: Tab) -> None:
    grounds = {"light": "rgb(250, 249, 246)", "dark": "rgb(19, 20, 22)"}
    for path in PAGES:
        tab.page.set_viewport_size({"width": 1280, "height": 800})
        tab.go(path)
        for scheme, ground in grounds.items():
            tab.page.emulate_media(color_scheme=scheme)
            assert tab.page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
            assert tab.page.evaluate(CONTRAST) == [], (path, scheme)
        tab.page.set_viewport_size({"width": 390, "height": 844})
        assert tab.page.evaluate(SIDEWAYS) <= 0, path
        assert tab.page.evaluate(UNNAMED) == [], path


def test_hostile_texts_do_nothing(tab: Tab) -> None:
    page = tab.page
    asked = list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append("a dialog"))
    for path in ("", "/episodes", "/memory", "/memory/history", "/memory/diff", "/review"):
        tab.go(f"/runs/hostile{path}")
        assert page.evaluate("window.hacked") is None
        assert page.locator("main script, main img, main iframe").count() == 0
        assert page.evaluate(SIDEWAYS) <= 0, path
    tab.go("/runs/hostile/episodes")
    page.locator("[data-row]").click()
    tab.sees("<script>window.hacked = 1</script>")
    page.get_by_role("link", name="Prompts and replies").click()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("window.hacked") is None and page.locator("main script, main img").count() == 0
    assert all(url.startswith(tab.base) for url in asked)


def test_a_viewer_that_has_ended_is_told(browser: Any, runs: Path) -> None:
    with browser.new_page() as page:
        with viewing(runs / "learned") as viewer:
            page.goto(f"{viewer.url}{RUN}/episodes")
        page.get_by_label("Search episodes").fill("mug")
        page.get_by_role("alert").get_by_text("does not answer").wait_for(timeout=30_000)
