"""What can be done in the wiki, and its markup.

A line is a paragraph; ``== Heading ==``, ``* item``, and ``[[Title]]`` for a link to another page.
"""

from __future__ import annotations

import re
import sqlite3
from urllib.parse import quote

from markupsafe import Markup, escape

from knowhow.environments.site.calendar import TODAY
from knowhow.environments.site.database import insert, one
from knowhow.environments.site.refusal import Refused

MAIN = "Main Page"
_LINK = re.compile(r"\[\[(.+?)\]\]")


def save(db: sqlite3.Connection, title: str, text: str, summary: str = "") -> None:
    """Write a page anew. Raises: Refused for an empty one, or a title that no link could name."""
    if not title or not text or re.search(r"[\[\]/?#]", title):
        raise Refused("A page needs a text, and a title without brackets, slashes, question marks and #.")
    db.execute("INSERT OR REPLACE INTO page VALUES (?, ?)", (title, text))
    author = one(db, "SELECT name FROM account")
    insert(db, "revision", page=title, text=text, author=author, summary=summary, day=TODAY)


def replace(db: sqlite3.Connection, title: str, old: str, new: str) -> None:
    """Change a part of a page. Raises: Refused where the page does not have it."""
    text = one(db, "SELECT text FROM page WHERE title = ?", title) or ""
    if old not in text:
        raise Refused(f"The page {title} does not say {old!r}.")
    save(db, title, text.replace(old, new))


def append(db: sqlite3.Connection, title: str, line: str) -> None:
    """Add a line at the end of a page. Raises: Refused where there is none."""
    text = one(db, "SELECT text FROM page WHERE title = ?", title)
    if text is None:
        raise Refused(f"There is no page {title}.")
    save(db, title, f"{text}\n{line}")


def path(title: str) -> str:
    return f"/page/{quote(title.replace(' ', '_'))}"


def html(text: str) -> Markup:
    """The text of a page as HTML; whatever HTML it has itself is shown as it is written."""
    return Markup("\n").join(_line(line) for line in text.splitlines() if line.strip())


def _line(line: str) -> Markup:
    if heading := re.fullmatch(r"==\s*(.+?)\s*==", line):
        return Markup("<h2>{}</h2>").format(heading[1])
    if line.startswith("* "):
        return Markup("<ul><li>{}</li></ul>").format(_inline(line[2:]))
    return Markup("<p>{}</p>").format(_inline(line))


def _inline(line: str) -> Markup:
    return Markup(_LINK.sub(_link, str(escape(line))))


def _link(found: re.Match[str]) -> str:
    title = Markup(found[1]).unescape()
    return Markup('<a href="{}">{}</a>').format(path(title), title)
