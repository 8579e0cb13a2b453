"""The viewer over HTTP: whom it lets in, what its pages tell, and what a person decides on them."""

from __future__ import annotations

import base64
import fcntl
import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from program import knowhow
from viewed import HOSTILE, PIXEL, SCRIPT, STRANGE, Viewer, empty, episode, hostile, learned, viewing

from knowhow.evals.reporting import figures
from knowhow.evals.viewer import listing, tallies
from knowhow.evals.viewer.folders import Folder
from knowhow.evals.viewer.going import state
from knowhow.evals.viewer.images import content, pieces
from knowhow.memory.episodes import Episodes
from knowhow.memory.fold import add
from knowhow.memory.journal import Journal
from knowhow.memory.middleware import ABOUT
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs, among them what cannot be shown."""
    place = tmp_path_factory.mktemp("runs")
    learned(place / "learned")
    hostile(place / "hostile")
    empty(place / "empty")
    shutil.copytree(place / "learned", place / "torn")
    (place / "torn" / "episodes.db").write_bytes(b"no database")
    (place / "newer").mkdir()
    (place / "newer" / "run.json").write_text(json.dumps({"layout": 99}))
    with Memory.open(place / "agent", create=True) as memory, Episodes.open(place / "agent", create=True) as episodes:
        memory.commit([add(Item("str-00001", "playbook", "Ask first."))])
        episodes.put(episode("run-1"), phase="run", round=0, index=0)
    (place / "agent" / ABOUT).write_text("{}")
    return place


@pytest.fixture(scope="module")
def viewer(runs: Path) -> Iterator[Viewer]:
    with viewing(runs) as found:
        yield found


@pytest.fixture
def run(runs: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A run of a test's own, which the viewer finds by itself."""
    folder = runs / re.sub(r"\W+", "-", request.node.name)[:40]
    shutil.copytree(runs / "learned", folder)
    yield folder
    shutil.rmtree(folder)


class Acting(HTMLParser):
    """What in a page could act, but for the scripts and styles of the viewer's own."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        own = given.get("src", given.get("href", "")).startswith("/") if tag in ("script", "img", "link") else True
        inline = [name for name in given if name.startswith("on") or name in ("style", "hx-on", "srcdoc")]
        if not own or inline or tag in ("style", "iframe", "object", "base"):
            self.found.append(f"{tag} {given}")


def told(page: str) -> str:
    """What a reader reads."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def rounded(row: figures.PhaseRow) -> figures.PhaseRow:
    return replace(row, usage=replace(row.usage, cost_usd=round(row.usage.cost_usd, 9)))


def links(page: str) -> set[str]:
    return {html.unescape(address).partition("#")[0] for address in re.findall(r'(?:href|src)="(/[^"]*)"', page)}


# --- the pages ---


def test_every_link_leads_to_a_page_and_no_text_becomes_markup(viewer: Viewer) -> None:
    todo, seen = {"/"}, dict[str, str]()
    while todo:
        path = todo.pop()
        reply = viewer.ask(path)
        torn = path.startswith(("/runs/torn", "/runs/newer"))
        assert reply.status == (500 if torn else 200), (path, reply.text)
        if not reply.headers["content-type"].startswith("text/html"):
            continue
        seen[path] = reply.text
        assert Acting(reply.text).found == [], path
        assert not re.search("[\x1b\x07\u202a-\u202e\u2066-\u2069]", reply.text), path
        # One of each kind of page is enough of what there are hundreds of.
        few = {link for link in links(reply.text) if not re.search(r"(t-|mec-|-)\d+$|page=|[?&]kind=c|round=", link)}
        todo |= few - seen.keys()
    kinds = {re.sub(r"\?.*|(?<=episodes/).*|(?<=items/).*", "", path) for path in seen}
    assert {"/", "/runs/hostile/episodes/", "/runs/hostile/memory/items/", "/runs/learned/memory/diff"} <= kinds
    assert len(seen) > 30


def test_the_list_tells_what_cannot_be_read_beside_what_can(viewer: Viewer) -> None:
    page = told(viewer.ask("/").text)
    assert "newer" in page and "has the layout 99, not 1; use the version of Knowhow that made it" in page
    assert "is no episode store, or its head is damaged" in page
    assert "10%" in page and "90%" in page and "no episode yet" in page
    broken = viewer.ask("/runs/torn")
    assert broken.status == 500 and "This cannot be shown" in broken.text and "Traceback" not in broken.text
    missing = viewer.ask("/runs/learnd")
    assert missing.status == 404 and "did you mean learned?" in told(missing.text)


def test_an_empty_run_says_so_on_every_page(viewer: Viewer) -> None:
    words = {
        "": "No episode has ended yet",
        "/episodes": "None has ended yet",
        "/memory": "Nothing was written to memory yet",
        "/memory/history": "No memory",
        "/review": "Nothing waits",
    }
    for place, said in words.items():
        assert said in told(viewer.ask(f"/runs/empty{place}").text), place


def test_the_figures_are_those_of_the_report(runs: Path) -> None:
    folder = Folder(runs / "learned", "learned")
    with Episodes.open(runs / "learned") as episodes:
        summaries = episodes.summaries()
    counted = tallies.tallies(folder)
    wanted = [figures.phase_row(phase, ones) for phase, ones in figures.by_phase(summaries).items()]
    assert [rounded(row) for row in tallies.phase_rows(counted)] == [rounded(row) for row in wanted]
    assert tallies.round_rows(counted, {2: False}) == figures.round_rows(summaries, {2: {"kept": False}})
    series = {"all": summaries}
    both = tallies.kind_rows({"all": counted}), figures.kind_rows(series)
    assert sorted(both[0], key=lambda row: row.kind) == both[1]
    assert tallies.faults(folder) == figures.faults(summaries) == [("the engine died", 1, "failed")]
    folder.close()


def test_what_was_counted_is_counted_again_when_something_was_written(run: Path) -> None:
    folder = Folder(run, "run")
    before = tallies.tallies(folder)
    assert tallies.tallies(folder) is before
    with Episodes.open(run) as episodes:
        episodes.put(episode("new"), phase="after", round=0, index=59)  # in another's place
        episodes.put(episode("more"), phase="after", round=0, index=60)
    after = tallies.tallies(folder)
    assert sum(one.counted.won for one in after) == sum(one.counted.won for one in before) + 2
    folder.close()


def test_the_pages_of_a_list_hold_every_episode_once_and_filters_part_them(runs: Path) -> None:
    folder = Folder(runs / "learned", "learned")
    pages = [listing.listing(folder, listing.Asked(), page) for page in range(1, 7)]
    ids = [row.summary.id for page in pages[: pages[0].pages] for row in page.rows]
    with Episodes.open(runs / "learned") as episodes:
        assert ids == [one.id for one in episodes.summaries()]
    assert pages[5].page == pages[0].pages == 5
    assert pages[0].rows[0].goal == "clean the mug of t-0"
    found = {name: listing.listing(folder, listing.Asked(outcome=name), 1) for name in listing.OUTCOMES}
    assert sum(one.found for one in found.values()) == len(ids)
    assert all(row.outcome == name for name, page in found.items() for row in page.rows)
    assert [row.summary.id for row in listing.listing(folder, listing.Asked(text="engine DIED"), 1).rows] == ["failed"]
    cited = listing.listing(folder, listing.Asked("cites:str-00001", "validation", "2", "heat"), 1)
    assert (cited.found, cited.solved) == (7, 3)
    assert listing.listing(folder, listing.Asked("' OR 1=1 --"), 1).found == 0
    assert listing.neighbours(folder, ids[1]) == (ids[0], ids[2]) and listing.neighbours(folder, ids[0])[0] == ""
    folder.close()


def test_an_episode_is_told_with_what_memory_said_then(viewer: Viewer) -> None:
    page = told(viewer.ask("/runs/learned/episodes/after0-0").text)
    for words in ("go to sink 1", "To the sink.", "You see a mug.", "Recalled: 2 items, 1 cited", "40 cached"):
        assert words in page, words
    assert "Rinse the mug twice at the sink" in page, "as it was in version 2"
    prompts = told(viewer.ask("/runs/learned/episodes/after0-0?view=prompts").text)
    assert "system 8 characters You act." in prompts
    assert "No prompts are kept" in viewer.ask("/runs/learned/episodes/secret?view=prompts").text
    gone = viewer.ask("/runs/learned/episodes/nobody")
    assert gone.status == 404 and "there is no episode" in told(gone.text)


@pytest.mark.parametrize("name", ["screen", "seen"])
def test_a_screenshot_is_an_image_of_its_own(viewer: Viewer, name: str) -> None:
    page = viewer.ask(f"/runs/learned/episodes/{name}").text
    (address,) = set(re.findall(r'<img src="([^"]+)"', page))
    image = viewer.ask(address)
    assert image.body == base64.b64decode(PIXEL) and image.headers["content-type"] == "image/png"
    assert image.headers["x-content-type-options"] == "nosniff" and PIXEL not in page
    assert ("A page:" in page and "and so on" in page) or "The page." in page
    assert viewer.ask(address[:-3] + "abc").status == 404


def test_only_pictures_become_images() -> None:
    vector = "data:image/svg+xml;base64,PHN2Zz4="
    assert [piece.image for piece in pieces(f"{vector} data:text/html;base64,PHN2Zz4=")] == [""]
    parts = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    ]
    assert [bool(piece.image) for piece in pieces(content(parts))] == [False, True]
    assert content(None) == "" and content([{"type": "odd"}, 3]) == "\n"


def test_memory_is_searched_ordered_and_shown_as_it_was(viewer: Viewer) -> None:
    def ids(query: str) -> list[str]:
        return re.findall(r"/memory/items/([\w-]+)", viewer.ask(f"/runs/learned/memory?{query}").text)

    assert ids("text=rinse+SINK") == ["str-00001"]
    assert ids("sort=effect")[0] == "str-00001" and len(ids("")) == 50
    assert ids("page=2")[-1] == "str-00002" and ids("status=active") == ["str-00002"]
    assert set(ids("status=pending")) == {"oth-00001", "oth-00002", "pro-00001"}
    past = told(viewer.ask("/runs/learned/memory?version=1&text=rinse").text)
    assert "Rinse the mug at the sink" in past and "This is version 1" in past
    none = viewer.ask("/runs/learned/memory?version=9")
    assert none.status == 400 and "there is no version 9" in told(none.text)
    now = told(viewer.ask("/runs/learned/memory?text=rinse").text)
    assert "+0.40 (+0.10 to +0.70)" in now


def test_an_item_has_its_history_its_sources_and_what_came_of_it(viewer: Viewer) -> None:
    page = viewer.ask("/runs/learned/memory/items/str-00001").text
    words = told(page)
    assert "once was not enough" in words and "elsewhere not kept here" in words
    assert 'href="/runs/learned/episodes/train1-0"' in page
    assert re.search(r"with it 121 74% .* that cited it 120", words), words
    (curve,) = re.findall('data-chart="([^"]+)"', page)
    assert json.loads(html.unescape(curve))["series"][0]["low"] == [-0.1, 0.1]
    assert viewer.ask("/runs/learned/memory/items/str-1").status == 404


def test_two_versions_are_compared_word_by_word(viewer: Viewer) -> None:
    page = viewer.ask("/runs/learned/memory/diff?a=1&b=3").text
    assert re.search("Rinse the mug<ins> *twice *</ins> *at the|Rinse the mug <ins>twice </ins>at the", page)
    assert "4 items differ between version 1 and 3" in told(page)
    assert "effect not measured → +0.40 (+0.10 to +0.70)" in told(page)
    assert "They hold the same" in viewer.ask("/runs/learned/memory/diff?a=2&b=2").text
    assert "1 item differs" in told(viewer.ask("/runs/learned/memory/diff?a=1&b=2").text)


def test_runs_stand_side_by_side(viewer: Viewer) -> None:
    page = viewer.ask("/compare?run=learned&run=hostile&run=empty").text
    (curve,) = re.findall('data-chart="([^"]+)"', page)
    assert [one["name"] for one in json.loads(html.unescape(curve))["series"]] == ["learned", "hostile"]
    assert "90% 80 to 95%" in told(page)
    many = viewer.ask("/compare?" + "&".join(["run=learned"] * 7))
    assert many.status == 400 and "at most 6" in told(many.text)
    assert viewer.ask("/compare?run=nobody").status == 404


# --- decisions ---


def token(viewer: Viewer, run: Path) -> str:
    found = re.search('name="token" value="([^"]+)"', viewer.ask(f"/runs/{run.name}/review").text)
    assert found
    return found[1]


def items(run: Path) -> dict[str, Item]:
    with Journal.open(run / "journal.db") as journal:
        return journal.items()


def test_a_person_accepts_edits_and_rejects(viewer: Viewer, run: Path) -> None:
    place, key = f"/runs/{run.name}/review", token(viewer, run)
    page = told(viewer.ask(place).text)
    assert "3 wait for a person" in page and "- str-00002 Open the fridge twice. + str-00002 Give up." in page
    done = viewer.post(place, token=key, id="oth-00001", deed="reject", why="no passwords")
    assert done.status == 303 and "Rejected" in told(viewer.ask(done.headers["location"]).text)
    assert viewer.post(place, token=key, id="oth-00002", deed="accept").status == 303
    assert viewer.post(place, token=key, id="pro-00001", deed="edit", text="Look first.\r\nThen go.").status == 303
    after = items(run)
    assert after["oth-00001"].status is Status.RETIRED
    assert (after["oth-00002"].status, after["oth-00002"].trust) == (Status.CANDIDATE, "person")
    assert after["str-00002"].text == "Look first.\nThen go." and "pro-00001" not in after
    with Journal.open(run / "journal.db") as journal:
        assert "no passwords" in journal.log(after=3)[0].edits[0].why
    assert "Nothing waits" in viewer.ask(place).text


def test_what_cannot_be_decided_is_one_line_and_changes_nothing(viewer: Viewer, run: Path) -> None:
    place, key, before = f"/runs/{run.name}/review", token(viewer, run), items(run)
    for form, said in (
        ({"id": "oth-00009", "deed": "accept"}, "there is no pending item"),
        ({"id": "str-00001", "deed": "accept"}, "only what is pending"),
        ({"id": "oth-00001", "deed": "burn"}, "is no decision"),
        ({"id": "oth-00001", "deed": "edit", "text": " "}, "is empty; reject it instead"),
    ):
        reply = viewer.post(place, token=key, **form)
        assert reply.status == 409 and said in told(reply.text), form
    assert items(run) == before


def test_a_run_that_is_going_keeps_its_memory_to_itself(viewer: Viewer, run: Path) -> None:
    place, key, before = f"/runs/{run.name}/review", token(viewer, run), items(run)
    (run / "result.json").unlink()
    assert state(run) == "stopped" and "it was interrupted" in told(viewer.ask(f"/runs/{run.name}").text)
    with (run / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert state(run) == "going"
        page = viewer.ask(f"/runs/{run.name}").text
        assert "every 2s" in page and "going" in told(page)
        reply = viewer.post(place, token=key, id="oth-00001", deed="accept")
        assert reply.status == 409 and "another process is working in" in told(reply.text)
    assert items(run) == before
    assert viewer.post(place, token=key, id="oth-00001", deed="accept").status == 303


def test_what_a_run_only_used_is_decided_on_elsewhere(viewer: Viewer) -> None:
    page = viewer.ask("/runs/empty/review").text
    assert "has no memory of its own to decide on" in told(page)


# --- whom it lets in ---


def test_other_hosts_and_other_sites_are_refused(viewer: Viewer, run: Path) -> None:
    port = urlsplit(viewer.url).port
    page, place = f"/runs/{run.name}", f"/runs/{run.name}/review"
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}", ""):
        assert viewer.ask(page, host=host).status in (400, 403), host
    assert viewer.ask(page, host=f"localhost:{port}").status == 200
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", f"http://localhost:{port}"):
        assert viewer.ask(page, origin=origin).status == 403, origin
    assert viewer.ask(page, sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status == 403
    assert viewer.ask(page, sec_fetch_site="cross-site", sec_fetch_mode="navigate").status == 200
    key, before = token(viewer, run), items(run)
    form = {"token": key, "id": "oth-00001", "deed": "accept"}
    assert viewer.ask(place, "POST", form).status == 403, "no origin"
    assert viewer.ask(place, "POST", form, origin="http://evil.example").status == 403
    assert viewer.ask(place, "POST", {**form, "token": "guess"}, origin=viewer.url).status == 403
    assert viewer.ask(place, "POST", {**form, "more": "x" * 2_000_000}, origin=viewer.url).status == 403
    assert viewer.ask(page, "DELETE", origin=viewer.url).status == 405
    assert items(run) == before


def test_pages_may_load_nothing_from_elsewhere(viewer: Viewer) -> None:
    for path in ("/", "/runs/hostile", "/static/view.js", "/nope"):
        reply = viewer.ask(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert "frame-ancestors 'none'" in policy and reply.headers["x-frame-options"] == "DENY"


def test_only_the_assets_of_the_package_are_served(viewer: Viewer) -> None:
    for path in ("view.css", "tokens.css", "vendor/htmx-4.0.1.min.js", "vendor/LICENCES.md", "icon.svg"):
        assert viewer.ask(f"/static/{path}").status == 200, path
    for path in ("../server.py", "%2e%2e/server.py", "..%2f..%2fcli.py", "page.py", "/etc/hosts", "", "nothing.css"):
        assert viewer.ask(f"/static/{path}").status == 404, path


# --- the command ---


def test_what_cannot_be_viewed_is_one_line(tmp_path: Path) -> None:
    assert knowhow("view", tmp_path / "nowhere").complaint == f"there is no folder {tmp_path / 'nowhere'}"
    assert "there is no run in" in knowhow("view", tmp_path).complaint
    assert "until Ctrl-C" in knowhow("view", "--help").out


def test_folders_of_the_same_name_are_told_apart(runs: Path, tmp_path: Path) -> None:
    other = empty(tmp_path / "learned")
    with viewing(runs / "learned", other) as viewer:
        page = viewer.ask("/").text
        assert "/runs/learned~2" in page and "No episode has ended yet" in viewer.ask("/runs/learned~2").text
        shutil.rmtree(other)
        learned(other)
        assert "90%" in told(viewer.ask("/runs/learned~2").text), "another run in its place"


def test_hostile_texts_are_told_as_text(viewer: Viewer) -> None:
    page = told(viewer.ask("/runs/hostile/memory").text)
    assert SCRIPT.split(">")[0] in page and "red" in page and "\ufffdgnorw" in page
    assert viewer.ask(f"/runs/hostile/episodes/{quote(STRANGE, safe='')}").status == 200
    assert HOSTILE.count("long") == 900
