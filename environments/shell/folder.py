"""A folder drawn at random: names, texts, numbers and tables, with fixed times, for one task of the suite ``bash``."""

from __future__ import annotations

from random import Random

from knowhow.environments.types import Split
from knowhow.environments.workspace import FOLDER, Node

DAY = 86_400
JANUARY = 1_704_110_400
"""2024-01-01 12:00 UTC, when the oldest files were changed."""
MARCH = JANUARY + 60 * DAY
"""2024-03-01 12:00 UTC."""

NAMES = (
    *(
        "notes",
        "report",
        "names",
        "cities",
        "access",
        "errors",
        "budget",
        "orders",
        "stock",
        "prices",
        "guests",
        "songs",
    ),
    *(
        "recipes",
        "letters",
        "events",
        "scores",
        "visits",
        "parts",
        "plants",
        "tools",
        "rivers",
        "teams",
        "books",
        "films",
    ),
    *("trips", "bills", "colours", "birds", "games", "rooms", "tasks", "meals", "ports", "coins", "lamps", "roads"),
)
TEST_NAMES = (
    *("islands", "engines", "poems", "clients", "routes", "stars", "herbs", "shoes", "clocks", "fields", "cables"),
    *("shelves", "bridges", "drums", "maps", "keys"),
)
PLACES = ("archive", "backup", "old", "results", "done", "drafts", "export", "store", "extra", "inbox")
TEST_PLACES = ("vault", "attic", "depot", "sent")
WORDS = (
    *(
        "apple",
        "amber",
        "river",
        "stone",
        "maple",
        "copper",
        "window",
        "garden",
        "silver",
        "summer",
        "winter",
        "yellow",
    ),
    *("market", "candle", "forest", "button", "pepper", "violet", "harbour", "meadow", "kettle", "ribbon", "anchor"),
)


class Folder:
    """What is drawn so far: ``nodes`` by path. No name is given twice, and none of the test split's to another."""

    def __init__(self, split: Split, random: Random) -> None:
        self.random = random
        self.nodes: dict[str, Node] = {}
        test = split == "test"
        self._names = random.sample(names := TEST_NAMES if test else NAMES, len(names))
        self._places = random.sample(places := TEST_PLACES if test else PLACES, len(places))

    def name(self, ending: str = "txt") -> str:
        """A name that nothing has yet."""
        return f"{self._names.pop()}.{ending}"

    def place(self) -> str:
        """A name for a folder."""
        return self._places.pop()

    def file(self, text: str, ending: str = "txt", within: str = "", day: int | None = None, mode: int = 0o644) -> str:
        """Put a file there, and return its path."""
        path = within + self.name(ending)
        changed = JANUARY + DAY * (self.random.randrange(120) if day is None else day)
        self.nodes[path] = Node(text.encode(), mode, changed)
        return path

    def folder(self) -> str:
        path = self.place()
        self.nodes[path] = FOLDER
        return path

    def clutter(self) -> None:
        """A few files that nothing is asked of."""
        for ending in self.random.sample(("md", "cfg", "dat", "html"), 2):
            self.file(self.lines(3), ending)

    def lines(self, count: int = 8) -> str:
        """Lines of two or three words each."""
        return "".join(f"{' '.join(self.words(self.random.choice((2, 3))))}\n" for _ in range(count))

    def words(self, count: int) -> list[str]:
        return self.random.sample(WORDS, count)

    def numbers(self, count: int = 8) -> list[int]:
        """Different numbers, of one to four digits, so that their order as numbers is not that of their texts."""
        sizes = [9, 12, 85, 100, 1000 + self.random.randrange(9000)]
        return self.random.sample(sorted({*sizes, *self.random.sample(range(1, 999), count)}), count)

    def table(self, rows: int = 6) -> str:
        """Names, numbers and places, with commas between them."""
        words = zip(self.words(rows), self.numbers(rows), strict=True)
        return "".join(f"{one},{number},{self.random.choice(WORDS)}\n" for one, number in words)
