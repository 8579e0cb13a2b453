"""Pages with buttons, links, boxes and lists to click on."""

from __future__ import annotations

from collections.abc import Callable

from knowhow.environments.browser.snapshot import Node
from knowhow.environments.miniwob.desk import Desk


async def click_test(desk: Desk) -> None:
    await desk.click("button", "Click Me!")


async def click_test_2(desk: Desk) -> None:
    await desk.click("button", "ONE")


click_test_transfer = click_test_2


async def click_button(desk: Desk) -> None:
    await desk.click("button", desk.quoted())


async def click_button_sequence(desk: Desk) -> None:
    await desk.click("button", "ONE")
    await desk.click("button", "TWO")


async def button_delay(desk: Desk) -> None:
    await desk.click("button", "ONE")
    await desk.wait(int(desk.said(r"wait (\d+)")) - 1)
    await desk.click("button", "TWO")


async def click_dialog(desk: Desk) -> None:
    await desk.click("button", "Close")


async def click_dialog_2(desk: Desk) -> None:
    await desk.click("button", desk.quoted().replace("x", "Close"))


async def click_link(desk: Desk) -> None:
    await desk.click("link", desk.quoted())


async def click_option(desk: Desk) -> None:
    await desk.click("radio", desk.said(r"Select (.*) and click"))
    await desk.submit()


async def click_checkboxes(desk: Desk) -> None:
    for name in desk.said(r"Select (.*) and click").split(", "):
        if name != "nothing":
            await desk.click("checkbox", name)
    await desk.submit()


click_checkboxes_large = click_checkboxes_transfer = click_checkboxes


async def choose_list(desk: Desk) -> None:
    await desk.do("select", element=desk.one("combobox"), option=desk.said(r"Select (.*) from the list"))
    await desk.submit()


async def click_scroll_list(desk: Desk) -> None:
    for option in desk.said(r"Select (.*) from the scroll list").split(", "):
        await desk.do("select", element=desk.one("listbox"), option=option)
    await desk.submit()


async def click_widget(desk: Desk) -> None:
    """The snapshot calls an area a text box as well, so the page is asked which one it is."""
    kind = desk.quoted()
    if kind in ("text", "textarea"):
        fields = "[...document.querySelectorAll('#area [data-type^=text]')].map(e => e.dataset.type)"
        await desk.click("textbox", nth=(await desk.page(fields)).index(kind))
    else:
        await desk.click(kind)


async def click_color(desk: Desk) -> None:
    colours = await desk.page("[...document.querySelectorAll('.color')].map(e => e.style.backgroundColor)")
    await desk.click("button", "color", nth=colours.index(desk.said(r"Click on the (\w+)"), 1))


async def odd_or_even(desk: Desk) -> None:
    numbers = await desk.page("[...document.querySelectorAll('.display-number')].map(e => Number(e.textContent))")
    for nth, number in enumerate(numbers):
        await desk.click("button", "Odd" if number % 2 else "Even", nth=nth)
    await desk.submit()


async def find_greatest(desk: Desk) -> None:
    cards = filter(_is_number, desk.nodes("generic"))
    await desk.do("click", element=max(cards, key=lambda card: int(card.text)).ref)
    await desk.submit()


def _is_number(node: Node) -> bool:
    return node.text.lstrip("-").isdigit()


async def generate_number(desk: Desk) -> None:
    limit = int(desk.said(r"than (-?\d+)")) if "than" in desk.goal else 0
    tests: dict[str, Callable[[int], bool]] = {
        "less": lambda n: n < limit,
        "greater": lambda n: n > limit,
        "even": lambda n: n % 2 == 0,
        "odd": lambda n: n % 2 == 1,
    }
    fits = next(test for word, test in tests.items() if word in desk.goal)
    for _ in range(25):
        await desk.click("button", "Generate")
        if fits(int(desk.first("number", _is_number, "generic").text)):
            break
    await desk.submit()


async def unicode_test(desk: Desk) -> None:
    await desk.click("button", desk.quoted())
