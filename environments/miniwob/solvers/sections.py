"""Pages that show one part at a time: tabs, sections, menus, trees."""

from __future__ import annotations

from knowhow.environments.miniwob.desk import Desk


async def click_tab(desk: Desk) -> None:
    await desk.click("link", desk.said(r"(Tab #\d+)"))


async def click_tab_2(desk: Desk) -> None:
    for nth in range(len(desk.all("tab"))):
        tab = desk.nodes("tab")[nth]
        await desk.do("click", element=next(inner.ref for inner in tab.walk() if inner.role == "link"))
        if desk.has("link", desk.quoted[0]):
            await desk.click("link", desk.quoted[0])


click_tab_2_easy = click_tab_2_medium = click_tab_2_hard = click_tab_2


async def click_collapsible(desk: Desk) -> None:
    await desk.click("tab")
    await desk.submit()


click_collapsible_nodelay = click_collapsible


async def click_collapsible_2(desk: Desk) -> None:
    for nth in range(len(desk.all("tab"))):
        if not desk.last.done:
            await desk.click("tab", nth=nth)
        if desk.has("link", desk.quoted[0]):
            await desk.click("link", desk.quoted[0])


click_collapsible_2_nodelay = click_collapsible_2


async def click_menu_2(desk: Desk) -> None:
    await desk.click("button", "Menu")
    await desk.click("menuitem", desk.quoted[1])


async def search_engine(desk: Desk) -> None:
    await desk.fill(desk.quoted[0])
    await desk.click("button", "Search")
    place = int(desk.said(r"(\d+)(?:st|nd|rd|th)")) - 1
    for _ in range(place // 3):
        await desk.click("link", ">")
    await desk.click("link", nth=place % 3)
