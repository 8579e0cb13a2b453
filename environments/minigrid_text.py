"""What an agent of MiniGrid sees, in words: its egocentric view, in the manner of BALROG (arXiv 2411.13543)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

ACTIONS = ("turn left", "turn right", "go forward", "pick up", "drop", "toggle", "done")
"""MiniGrid's actions, in its order. Toggling opens and closes what is in front."""

HEADINGS = ("east", "south", "west", "north")

PLAIN = frozenset({"unseen", "empty", "wall", "floor", "agent"})


def describe(world: Any) -> str:
    """The heading, what is carried, the things in sight with their places, and how near walls are.

    ``world`` is a ``MiniGridEnv``; places are counted in cells from the agent.
    """
    view = world.gen_obs()
    things = "; ".join(_things(view["image"])) or "nothing but floor and walls"
    held = f"a {world.carrying.color} {world.carrying.type}" if world.carrying else "nothing"
    lines = [f"You face {HEADINGS[view['direction']]} and carry {held}.", f"You see {things}."]
    walls = ", ".join(_walls(view["image"]))
    return "\n".join([*lines, f"Walls: {walls}."] if walls else lines)


def _things(image: Any) -> Iterator[str]:
    """The nearest first; the agent looks from the middle of the last row."""
    seen = []
    for column, cells in enumerate(image):
        for row, cell in enumerate(cells):
            ahead, right = len(cells) - 1 - row, column - len(image) // 2
            name = _name(*map(int, cell))
            if name and (ahead, right) != (0, 0):
                seen.append((ahead + abs(right), ahead, right, name))
    return (f"{name} {place(ahead, right)}" for _, ahead, right, name in sorted(seen))


def _name(kind: int, colour: int, state: int) -> str:
    """What lies in a cell; empty for what is not worth a word."""
    from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT, STATE_TO_IDX

    what = IDX_TO_OBJECT[kind]
    if what in PLAIN:
        return ""
    states = {number: word for word, number in STATE_TO_IDX.items()}
    words = [states[state]] if what == "door" else []
    words += [IDX_TO_COLOR[colour], what] if what not in ("goal", "lava") else [what]
    return f"{'an' if words[0][0] in 'aeiou' else 'a'} {' '.join(words)}"


def place(ahead: int, right: int) -> str:
    """A place seen from the agent: "3 ahead and 1 to the left"."""
    side = f"{abs(right)} to the {'right' if right > 0 else 'left'}" if right else ""
    return " and ".join(part for part in (f"{ahead} ahead" if ahead else "", side) if part)


def _walls(image: Any) -> Iterator[str]:
    """How far off the next wall is, straight ahead, to the left and to the right, where it is in sight."""
    from minigrid.core.constants import OBJECT_TO_IDX

    middle, last = len(image) // 2, len(image[0]) - 1
    lines: dict[str, Sequence[Any]] = {
        "ahead": [image[middle][row] for row in range(last - 1, -1, -1)],
        "to the left": [image[column][last] for column in range(middle - 1, -1, -1)],
        "to the right": [image[column][last] for column in range(middle + 1, len(image))],
    }
    for where, cells in lines.items():
        far = next((n for n, cell in enumerate(cells, 1) if int(cell[0]) == OBJECT_TO_IDX["wall"]), None)
        if far is not None:
            yield f"{far} {where}"
