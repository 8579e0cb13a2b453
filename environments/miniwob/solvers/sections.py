"""Pages that show one part at a time: tabs, sections, menus, trees."""

from __future__ import annotations

import json

from knowhow.environments.miniwob.desk import Desk


async def click_tab(desk: Desk) -> None:
    await desk.click("link", desk.said(r"(Tab #\d+)"))


async def click_tab_2(desk: Desk) -> None:
    for nth in range(len(desk.all("tab"))):
        tab = desk.nodes("tab")[nth]
        await desk.do("click", element=next(inner.ref for inner in tab.walk() if inner.role == "link"))
        if desk.has("link", desk.quoted()):
            await desk.click("link", desk.quoted())


click_tab_2_easy = click_tab_2_medium = click_tab_2_hard = click_tab_2


async def click_collapsible(desk: Desk) -> None:
    await desk.click("tab")
    await desk.submit()


click_collapsible_nodelay = click_collapsible


async def click_collapsible_2(desk: Desk) -> None:
    for nth in range(len(desk.all("tab"))):
        if not desk.last.done:
            await desk.click("tab", nth=nth)
        if desk.has("link", desk.quoted()):
            await desk.click("link", desk.quoted())


click_collapsible_2_nodelay = click_collapsible_2


_ASKED_ITEM = """goal => {
  const icon = document.querySelector("#query .ui-icon"), asked = goal.match(/labeled "(.*)"/);
  const fits = item => icon ? item.querySelector(":scope > div > ." + icon.classList[1])
                            : item.textContent === asked[1];
  return [...document.querySelectorAll("#menu li")].find(fits).textContent }"""


async def click_menu_2(desk: Desk) -> None:
    """An item is asked for by its label or its icon, and may be in the one that opens further ones."""
    await desk.click("button", "Menu")
    item = await desk.page(f"({_ASKED_ITEM})({json.dumps(desk.goal)})")
    if item in ("Prev", "Stop", "Play", "Next"):
        await _choose(desk, "Playback")
    await _choose(desk, item)


async def _choose(desk: Desk, label: str) -> None:
    item = desk.first(f"menu item {label!r}", lambda node: any(part.text == label for part in node.walk()), "menuitem")
    await desk.do("click", element=item.ref)


async def search_engine(desk: Desk) -> None:
    await desk.fill(desk.quoted())
    await desk.click("button", "Search")
    place = int(desk.said(r"(\d+)(?:st|nd|rd|th)")) - 1
    for _ in range(place // 3):
        await desk.click("link", ">")
    await desk.click("link", nth=place % 3)
