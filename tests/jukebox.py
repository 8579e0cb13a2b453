"""A jukebox that takes requests: people say what they feel, are not understood, and say it again in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from knowhow.environments.text_world import TextSuite, TextWorld
from knowhow.environments.types import SPLITS, Split, Task

FELT = {
    "something swinging for the {room}": "jazz",
    "make the {room} dance": "techno",
    "calm down the {room}": "ambient",
    "violins into the {room}": "classical",
}
ROOMS = [
    "kitchen",
    "attic",
    "cellar",
    "garden",
    "hall",
    "porch",
    "study",
    "garage",
    "bedroom",
    "terrace",
    "shed",
    "loft",
]
GENRES = ["jazz", "techno", "ambient", "classical", "reggae", "blues", "folk", "opera"]


class Jukebox(TextSuite):
    """Sessions of two requests, each for a room: one worded by feeling, then the plain one. No room is in two
    splits."""

    name, description = "jukebox", "Play the music that is asked for; one try."
    licence, source = "Apache-2.0", "made for a test"
    max_steps = 3

    def tasks(self, split: Split) -> Sequence[Task]:
        found = []
        for room in ROOMS[SPLITS.index(split) :: len(SPLITS)]:
            for felt, genre in FELT.items():
                wordings = (felt.format(room=room), f"play {genre} in the {room}")
                session = f"{split} {genre} {room}"
                found += [
                    Task(f"{session} {number}", self.name, split, "music", goal, session)
                    for number, goal in enumerate(wordings)
                ]
        return found

    def world(self, task: Task, *, seed: int) -> TextWorld:
        _, genre, room, _ = task.id.split()
        return Evening(genre, room, Random(f"{task.id}/{seed}"))


class Felt(Jukebox):
    """Only what people say first."""

    def tasks(self, split: Split) -> Sequence[Task]:
        return [task for task in super().tasks(split) if task.id.endswith("0")]


class Evening(TextWorld):
    def __init__(self, genre: str, room: str, random: Random) -> None:
        self.wanted = f"play {genre} in {room}"
        rooms = [room, *random.sample([other for other in ROOMS if other != room], 2)]
        self.offers = sorted(f"play {genre} in {room}" for genre in GENRES for room in rooms)

    def begin(self) -> str:
        return "The jukebox is on. Its buttons are lit."

    def commands(self) -> list[str]:
        return self.offers

    def do(self, command: str) -> tuple[str, float, bool]:
        return "Music plays.", float(command == self.wanted), True
