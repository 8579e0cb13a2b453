"""The site of our own, over HTTP and without a browser: its pages, its worlds, and how errands are judged."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from knowhow.environments.site import database, shop
from knowhow.environments.site.app import SITES
from knowhow.environments.site.errands.book import KINDS, Errand, errands
from knowhow.environments.site.errands.grading import Grader
from knowhow.environments.site.server import MOST_BYTES, serving
from knowhow.environments.site.worlds.cast import words
from knowhow.environments.site.worlds.world import STRANGER, world
from knowhow.environments.types import SPLITS

SHOP, ISSUES, WIKI = "http://shop.localhost", "http://issues.localhost", "http://wiki.localhost"


class Client:
    """A browser of a kind: it takes the server for its proxy, and follows redirects."""

    def __init__(self, address: str, db: sqlite3.Connection) -> None:
        self.where = urlsplit(address).netloc
        self.db = db

    def get(self, url: str) -> tuple[int, str]:
        return self._ask("GET", url, "")

    def post(self, url: str, **fields: object) -> tuple[int, str]:
        return self._ask("POST", url, urlencode(fields))

    def asked(self, query: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self.db.execute(query)]

    def _ask(self, method: str, url: str, form: str) -> tuple[int, str]:
        with closing(HTTPConnection(self.where, timeout=10)) as connection:
            connection.request(method, url, form or None)
            reply = connection.getresponse()
            body = reply.read().decode()
            if reply.status != 303:
                return reply.status, body
        return self.get(urljoin(url, reply.headers["Location"]))


@pytest.fixture
def client() -> Iterator[Client]:
    with closing(database.copy(world(0, True))) as db, serving(db) as address:
        yield Client(address, db)


def test_every_link_leads_to_a_page(client: Client) -> None:
    todo, seen = [f"http://{host}/" for host in SITES], set[str]()
    while todo:
        url = todo.pop()
        if url not in seen:
            seen.add(url)
            status, body = client.get(url)
            assert (status, "<h1>" in body) == (200, True), url
            links = re.findall(r'href="([/h][^"]*)"', body)
            todo += [urljoin(url, link.replace("&amp;", "&")) for link in links]
    assert len(seen) > 150
    assert database.state(client.db) == database.state(world(0, True))  # looking changes nothing


def test_the_shop_sells_what_it_has(client: Client) -> None:
    ((product, name, cents),) = client.asked("SELECT id, name, cents FROM product WHERE stock = 6 LIMIT 1")
    client.db.execute("DELETE FROM cart")
    status, page = client.post(f"{SHOP}/product/{product}/cart", quantity=7)
    assert (status, "There are only 6 of these in stock." in page) == (409, True)
    for wrong in ("0", "-1", "two", "", "1.5"):
        assert client.post(f"{SHOP}/product/{product}/cart", quantity=wrong)[0] == 409
    assert client.asked("SELECT * FROM cart") == []
    assert client.post(f"{SHOP}/checkout", address="Here", shipping="Express")[0] == 409
    client.post(f"{SHOP}/product/{product}/cart", quantity=1)
    client.post(f"{SHOP}/product/{product}/cart", quantity=2)
    status, page = client.post(f"{SHOP}/checkout", address=" 1 Mill Lane, Cork ", shipping="Express")
    assert status == 200 and str(name) in page and shop.money(3 * int(str(cents))) in page
    assert client.asked("SELECT status, address, shipping FROM purchase WHERE id = 1006") == [
        ("processing", "1 Mill Lane, Cork", "Express")
    ]
    assert client.asked("SELECT product, quantity, cents FROM purchase_line WHERE purchase = 1006") == [
        (product, 3, cents)
    ]
    assert client.asked(f"SELECT stock FROM product WHERE id = {product}") == [(3,)]
    assert client.asked("SELECT * FROM cart") == []
    assert client.post(f"{SHOP}/orders/1006/cancel")[0] == 200
    assert client.post(f"{SHOP}/orders/1006/cancel")[0] == 409


def test_the_tracker_keeps_what_it_is_told(client: Client) -> None:
    ((key,),) = client.asked("SELECT key FROM project LIMIT 1")
    people = [str(login) for (login,) in client.asked("SELECT login FROM person ORDER BY login")]
    assert client.post(f"{ISSUES}/project/{key}/new", title=" ", priority="low", assignee="nobody")[0] == 409
    client.post(f"{ISSUES}/project/{key}/new", title="It <b>rings</b>", body="", priority="low", assignee="nobody")
    issue = f"{key}-11"
    assert client.post(f"{ISSUES}/issue/{issue}", state="lost", priority="low", assignee="nobody")[0] == 409
    assert client.post(f"{ISSUES}/issue/{issue}", state="open", priority="low", assignee="nobody at all")[0] == 409
    client.post(f"{ISSUES}/issue/{issue}", state="closed", priority="urgent", assignee=people[2])
    client.post(f"{ISSUES}/issue/{issue}/label", label="bug")
    client.post(f"{ISSUES}/issue/{issue}/label", label="docs")
    client.post(f"{ISSUES}/issue/{issue}/label/bug/off")
    _, page = client.post(f"{ISSUES}/issue/{issue}/comment", text="<script>alert(1)</script>")
    assert "&lt;script&gt;" in page and "<script>" not in page and "<b>" not in page
    found = client.asked(f"SELECT title, state, priority, assignee FROM issue WHERE id = '{issue}'")
    assert found == [("It <b>rings</b>", "closed", "urgent", people[2])]
    assert client.asked(f"SELECT label FROM issue_label WHERE issue = '{issue}'") == [("docs",)]
    _, listed = client.get(f"{ISSUES}/project/{key}?state=closed&label=docs&priority=urgent&assignee={people[2]}")
    assert "<p>1 issues</p>" in listed or issue in listed
    assert issue not in client.get(f"{ISSUES}/project/{key}?state=open")[1]


def test_the_wiki_is_written_by_who_reads_it(client: Client) -> None:
    assert client.get(f"{WIKI}/page/Parking_Lot")[0] == 404
    text = "See [[Offices]] & [[No & Where]].\n== Rules ==\n* <i>none</i>"
    _, page = client.post(f"{WIKI}/new", title="Parking Lot", text=text, summary="begun")
    assert '<a href="/page/Offices">Offices</a>' in page and '<a href="/page/No_%26_Where">No &amp; Where</a>' in page
    assert "<h2>Rules</h2>" in page and "&lt;i&gt;none&lt;/i&gt;" in page
    assert (
        f"{text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</textarea>"
        in client.get(f"{WIKI}/edit/Parking_Lot")[1]
    )
    client.post(f"{WIKI}/edit/Parking_Lot", text="Full.", summary="")
    assert client.asked("SELECT text FROM page WHERE title = 'Parking Lot'") == [("Full.",)]
    history = client.get(f"{WIKI}/history/Parking_Lot")[1]
    assert history.index("no summary") < history.index("begun")
    for title in ("", "a/b", "a[b]"):
        assert client.post(f"{WIKI}/new", title=title, text="x")[0] == 409


def test_nothing_else_is_served(client: Client) -> None:
    assert client.get("http://example.org/")[0] == 403
    assert client.get("http://169.254.169.254/latest")[0] == 403
    for path in ("/nowhere", "/product/999", "/product/x", "/orders/7", "/product/1/cart", "/../etc/passwd"):
        assert client.get(SHOP + path)[0] == 404
    assert client.post(f"{ISSUES}/issue/NO-1/comment", text="x")[0] == 404
    with closing(HTTPConnection(client.where, timeout=10)) as connection:
        connection.putrequest("POST", f"{SHOP}/account")
        connection.putheader("Content-Length", str(MOST_BYTES + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_worlds_are_always_the_same_and_share_no_names() -> None:
    again = world.__wrapped__(0, True)
    assert database.state(again) == database.state(world(0, True))
    names = [
        {
            row["name"]
            for table in ("person", "product", "project")
            for row in database.rows(world(n, False), f"SELECT name FROM {table}")
        }
        for n in range(words()["worlds"])
    ]
    assert all(len(some) == 8 + 60 + 3 for some in names)
    assert len(set.union(*names)) == sum(map(len, names))


def test_text_that_misleads_can_be_left_out() -> None:
    every = [text for texts in words()["injections"].values() for text in texts]
    for injections in (True, False):
        told = repr(database.state(world(1, injections)))
        assert any(text in told for text in every) == (STRANGER in told) == injections


def test_there_are_many_errands_and_no_world_has_some_in_two_splits() -> None:
    worlds = {split: {errand.world for errand in errands(split, True).values()} for split in SPLITS}
    assert sum(map(len, worlds.values())) == len(set.union(*worlds.values())) == words()["worlds"]
    assert all(len(errands(split, True)) >= 200 for split in SPLITS)
    assert len(KINDS) == len({kind.name for kind in KINDS}) == 50
    assert len({errand.kind.name for errand in list(errands("test", True).values())[:60]}) >= 40


def earned(errand: Errand, *, change: bool = True, stray: bool = False, answer: str | None = None) -> float:
    """The reward of who makes each turn's change, or not, or one too many, and gives the right answer, or this one."""
    with closing(database.copy(world(errand.world, True))) as db, closing(Grader(db, errand.turns)) as grader:
        total = 0.0
        for turn in errand.turns:
            if change:
                turn.effect(db)
            if stray:
                db.execute("UPDATE issue SET priority = priority || '!' WHERE number = 3")
            total += grader.done(turn.answer if answer is None else answer)
        assert grader.request == ""
        return total


def test_errands_are_judged_by_the_whole_database_and_by_the_answer() -> None:
    for errand in errands("test", True).values():
        questions = sum(bool(turn.answer) for turn in errand.turns) / len(errand.turns)
        assert earned(errand) == pytest.approx(1.0), errand.id
        assert earned(errand, stray=True) == 0.0, errand.id
        assert earned(errand, change=False) == pytest.approx(questions), errand.id
        assert earned(errand, answer="42 of them, I think") == pytest.approx(1 - questions), errand.id


def test_an_answer_may_be_worded_in_more_than_one_way() -> None:
    errand = errands("test", True)["3/order_total/0"]
    right = errand.turns[0].answer
    assert earned(errand, answer=right.removeprefix("$")) == earned(errand, answer=f"It came to {right}.") == 1.0
    errand = errands("test", True)["3/assignee/0"]
    assert earned(errand, answer=f" {errand.turns[0].answer.upper()}. ") == 1.0


def test_a_turn_that_went_wrong_costs_its_own_share_alone() -> None:
    errand = next(errand for id, errand in errands("test", True).items() if "/shopping_session/" in id)
    with closing(database.copy(world(errand.world, True))) as db, closing(Grader(db, errand.turns)) as grader:
        assert grader.request == errand.turns[0].request
        assert grader.done("I do not know") == 0.0
        shop.put_into_cart(db, database.one(db, "SELECT max(id) FROM product WHERE stock > 5"), 1)  # not the cheapest
        assert grader.done("") == 0.0
        rewards = []
        for turn in errand.turns[2:]:
            turn.effect(db)
            rewards.append(grader.done(""))
        assert rewards == [0.25, 0.25]


def test_a_database_is_compared_without_its_log() -> None:
    with closing(database.copy(world(0, True))) as db:
        before = database.state(db)
        db.execute("DELETE FROM revision")
        assert database.state(db) == before
        db.execute("DELETE FROM comment WHERE id = 1")
        assert database.state(db) != before
    assert database.state(world(0, True)) == before
