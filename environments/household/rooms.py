"""What stands in the rooms, what lies there, what holds what, and what can be done to it.

Furniture and things are named by their kind in lower case, as ALFWorld prints them; one piece is a kind and a number
("mug 1"). The facts follow ALFWorld's ``alfworld/gen/constants.py`` (MIT): ``VAL_RECEPTACLE_OBJECTS``,
``VAL_ACTION_OBJECTS`` and ``OPENABLE_CLASS_SET``, without slices, and without things inside things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """What a room may hold: ``furniture`` maps each kind to the least and the most pieces of it."""

    furniture: Mapping[str, tuple[int, int]]
    things: tuple[str, ...]
    lamps: tuple[str, ...] = ()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ROOMS: Mapping[str, Room] = {
    "kitchen": Room(
        furniture={
            "cabinet": (1, 3),
            "coffeemachine": (1, 1),
            "countertop": (1, 2),
            "diningtable": (0, 1),
            "drawer": (1, 2),
            "fridge": (1, 1),
            "garbagecan": (0, 1),
            "microwave": (1, 1),
            "shelf": (0, 1),
            "sinkbasin": (1, 1),
            "stoveburner": (1, 2),
            "toaster": (0, 1),
        },
        things=_words("""apple bowl bread butterknife cup dishsponge egg fork glassbottle kettle knife ladle lettuce
            mug pan peppershaker plate pot potato saltshaker soapbottle spatula spoon tomato winebottle"""),
    ),
    "livingroom": Room(
        furniture={
            "armchair": (0, 2),
            "cabinet": (0, 2),
            "coffeetable": (1, 1),
            "diningtable": (0, 1),
            "drawer": (0, 3),
            "dresser": (0, 1),
            "garbagecan": (0, 1),
            "ottoman": (0, 1),
            "safe": (0, 1),
            "shelf": (0, 2),
            "sidetable": (1, 2),
            "sofa": (1, 2),
            "tvstand": (0, 1),
        },
        things=_words("""book candle cellphone creditcard keychain laptop newspaper pen pencil pillow plate
            remotecontrol statue tissuebox vase watch wateringcan"""),
        lamps=("desklamp", "floorlamp"),
    ),
    "bedroom": Room(
        furniture={
            "armchair": (0, 1),
            "bed": (1, 2),
            "cabinet": (0, 2),
            "desk": (0, 2),
            "drawer": (1, 4),
            "dresser": (0, 1),
            "garbagecan": (0, 1),
            "laundryhamper": (0, 1),
            "safe": (0, 1),
            "shelf": (0, 2),
            "sidetable": (1, 2),
        },
        things=_words("""alarmclock baseballbat basketball book bowl cd cellphone cloth creditcard keychain laptop
            mug pen pencil pillow statue tennisracket vase watch"""),
        lamps=("desklamp",),
    ),
    "bathroom": Room(
        furniture={
            "bathtubbasin": (0, 1),
            "cabinet": (1, 4),
            "cart": (0, 1),
            "countertop": (1, 2),
            "drawer": (0, 3),
            "garbagecan": (0, 1),
            "handtowelholder": (0, 2),
            "shelf": (0, 2),
            "sidetable": (0, 1),
            "sinkbasin": (1, 2),
            "toilet": (1, 1),
            "toiletpaperhanger": (0, 1),
        },
        things=_words("""candle cloth dishsponge handtowel soapbar soapbottle spraybottle tissuebox toiletpaper"""),
    ),
}

_TABLE = _set("""alarmclock apple baseballbat basketball book bowl bread butterknife candle cd cellphone
    cloth creditcard cup dishsponge egg fork glassbottle handtowel kettle keychain knife ladle laptop lettuce mug
    newspaper pan pen pencil peppershaker plate pot potato remotecontrol saltshaker soapbar soapbottle spatula spoon
    spraybottle statue tennisracket tissuebox toiletpaper tomato vase watch wateringcan winebottle""")
_SEAT = _set("basketball book cellphone cloth creditcard keychain laptop newspaper pillow remotecontrol")
_DESK = _set("""alarmclock basketball book bowl candle cd cellphone cloth creditcard cup glassbottle
    keychain laptop mug newspaper pen pencil plate remotecontrol spraybottle statue tennisracket tissuebox
    toiletpaper vase watch wateringcan winebottle""")

HOLDS: Mapping[str, frozenset[str]] = {
    "armchair": _SEAT,
    "bathtubbasin": _set("cloth dishsponge handtowel soapbar"),
    "bed": _set("baseballbat basketball book cellphone laptop newspaper pillow tennisracket"),
    "cabinet": _set("""book bowl candle cd cloth cup dishsponge glassbottle handtowel kettle ladle mug
        newspaper pan peppershaker plate pot saltshaker soapbar soapbottle spraybottle tissuebox toiletpaper vase
        wateringcan winebottle"""),
    "cart": _set("""candle cloth dishsponge handtowel mug soapbar soapbottle spraybottle statue
        tissuebox toiletpaper vase"""),
    "coffeemachine": frozenset({"mug"}),
    "coffeetable": _TABLE,
    "countertop": _TABLE,
    "desk": _DESK | {"soapbottle"},
    "diningtable": _TABLE,
    "drawer": _set("""book butterknife candle cd cellphone cloth creditcard dishsponge fork handtowel
        keychain knife ladle newspaper pen pencil peppershaker remotecontrol saltshaker soapbar soapbottle spatula
        spoon spraybottle tissuebox toiletpaper watch wateringcan"""),
    "dresser": _DESK,
    "fridge": _set("apple bowl bread cup egg glassbottle lettuce mug pan plate pot potato tomato winebottle"),
    "garbagecan": _set("""apple bread cd cloth dishsponge egg handtowel lettuce newspaper pen pencil
        potato soapbar soapbottle spraybottle tissuebox toiletpaper tomato winebottle"""),
    "handtowelholder": frozenset({"handtowel"}),
    "laundryhamper": frozenset({"cloth"}),
    "microwave": _set("apple bowl bread cup egg glassbottle mug plate potato tomato"),
    "ottoman": _SEAT,
    "safe": _set("cd cellphone creditcard keychain statue vase watch"),
    "shelf": _set("""alarmclock book bowl candle cd cellphone cloth creditcard cup dishsponge
        glassbottle handtowel kettle keychain mug newspaper pen pencil peppershaker plate pot remotecontrol
        saltshaker soapbar soapbottle spraybottle statue tissuebox toiletpaper vase watch wateringcan winebottle"""),
    "sidetable": _TABLE,
    "sinkbasin": _set("""apple bowl butterknife cloth cup dishsponge egg fork glassbottle handtowel
        kettle knife ladle lettuce mug pan plate pot potato soapbar spatula spoon tomato"""),
    "sofa": _SEAT,
    "stoveburner": frozenset({"kettle", "pan", "pot"}),
    "toaster": frozenset(),
    "toilet": _set("""candle cloth dishsponge handtowel newspaper soapbar soapbottle spraybottle
        tissuebox toiletpaper"""),
    "toiletpaperhanger": frozenset({"toiletpaper"}),
    "tvstand": frozenset({"tissuebox"}),
}
"""Which things each kind of furniture takes."""

OPENABLE = frozenset({"cabinet", "drawer", "fridge", "microwave", "safe"})
"""Furniture that can be opened; all of it is closed at the start."""

LAMPS = frozenset({"desklamp", "floorlamp"})
"""Things that can be switched on, and not be taken away."""

LAMP_STANDS = frozenset({"coffeetable", "desk", "diningtable", "dresser", "shelf", "sidetable"})
"""Furniture that a lamp may stand on."""

APPLIANCE: Mapping[str, str] = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}
"""Which furniture each treatment needs."""

TREATABLE: Mapping[str, frozenset[str]] = {
    "clean": _set("""apple bowl butterknife cloth cup dishsponge egg fork kettle knife ladle lettuce mug
        pan plate pot potato soapbar spatula spoon tomato"""),
    "heat": _set("apple bread cup egg mug plate potato tomato"),
    "cool": _set("apple bowl bread cup egg lettuce mug pan plate pot potato tomato winebottle"),
}
"""Which things each treatment can be given to."""


def kind_of(name: str) -> str:
    """The kind of a numbered piece: "mug" for "mug 1"."""
    return name[: name.rindex(" ")]
