"""Pages with fields to fill in."""

from __future__ import annotations

import re
from datetime import datetime

from knowhow.environments.miniwob.desk import Desk


async def focus_text(desk: Desk) -> None:
    await desk.click("textbox")


async def focus_text_2(desk: Desk) -> None:
    await desk.click("textbox", nth=int(desk.said(r"(\d)")) - 1)


async def enter_text(desk: Desk) -> None:
    await desk.fill(desk.quoted())
    await desk.submit()


enter_text_dynamic = enter_text


async def enter_text_2(desk: Desk) -> None:
    text = desk.quoted()
    await desk.fill(text.upper() if "upper case" in desk.goal else text.lower())
    await desk.submit()


async def enter_password(desk: Desk) -> None:
    await desk.fill(desk.quoted())
    await desk.fill(desk.quoted(), nth=1)
    await desk.submit()


async def enter_date(desk: Desk) -> None:
    day = datetime.strptime(desk.said(r"Enter (\S+)"), "%m/%d/%Y")
    typed = await desk.page("document.querySelector('#area input').type")
    await desk.fill(day.strftime("%Y-%m-%d" if typed == "date" else "%m/%d/%Y"))
    await desk.submit()


async def enter_time(desk: Desk) -> None:
    time = datetime.strptime(desk.said(r"Enter (\S+ [AP]M)"), "%I:%M %p")
    typed = await desk.page("document.querySelector('#area input').type")
    await desk.fill(time.strftime("%H:%M" if typed == "time" else "%I:%M %p"))
    await desk.submit()


async def login_user(desk: Desk) -> None:
    await desk.fill(desk.quoted())
    await desk.fill(desk.quoted(1), nth=1)
    await desk.submit("Login")


async def copy_paste(desk: Desk) -> None:
    """The field stands above or below the text."""
    fields = await desk.page("[...document.querySelectorAll('#area input, #area textarea')].map(e => e.id)")
    text = await desk.page("document.querySelector('#area textarea').value")
    await desk.fill(text, nth=fields.index("answer-input"))
    await desk.submit()


async def copy_paste_2(desk: Desk) -> None:
    place = int(desk.said(r"(\d)")) - 1
    await desk.fill(await desk.page(f"document.querySelectorAll('#area textarea')[{place}].value"), nth=3)
    await desk.submit()


async def find_word(desk: Desk) -> None:
    words = re.findall(r"[\w']+", await desk.page("document.querySelector('#area p').textContent"))
    await desk.fill(words[int(desk.said(r"(\d+)(?:st|nd|rd|th)")) - 1])
    await desk.submit()


async def read_table(desk: Desk) -> None:
    await desk.fill(_table(desk)[desk.said(r"value of (.*) into")])
    await desk.submit()


async def read_table_2(desk: Desk) -> None:
    table = _table(desk)
    for nth, name in enumerate(
        await desk.page("[...document.querySelectorAll('#area label')].map(e => e.textContent)")
    ):
        await desk.fill(table[name.strip(": ")], nth=nth)
    await desk.submit()


def _table(desk: Desk) -> dict[str, str]:
    rows = [[cell.name or cell.text for cell in row.children] for row in desk.nodes("row")]
    return {row[0].strip(": "): row[1] for row in rows if len(row) == 2}


async def simple_arithmetic(desk: Desk) -> None:
    problem = re.sub(r"[^\d+*x-]", "", await desk.page("document.querySelector('#math-problem').textContent"))
    left, sign, right = re.fullmatch(r"(\d+)([+x*-])(\d+)", problem).groups()  # type: ignore[union-attr]
    a, b = int(left), int(right)
    await desk.fill(str(a + b if sign == "+" else a - b if sign == "-" else a * b))
    await desk.submit()


async def text_transform(desk: Desk) -> None:
    await desk.fill(await desk.page("document.querySelector('#captcha').textContent.trim()"))
    await desk.submit()


async def multi_layouts(desk: Desk) -> None:
    genre, director, year = re.search(r"for (.*) movies directed by (.*) from year (\d+)", desk.goal).groups()  # type: ignore[union-attr]
    fields = """[...document.querySelectorAll('#area input')].map(e => {
      while (!e.textContent.trim()) e = e.parentElement;
      return e.textContent;
    })"""
    for nth, label in enumerate(await desk.page(fields)):
        wanted = {"Genre": genre, "Director": director, "Year": year, "Date": year}
        await desk.fill(next(value for name, value in wanted.items() if name in label), nth=nth)
    await desk.do("click", element=_sender(desk))


def _sender(desk: Desk) -> str:
    named = [node for node in desk.nodes() if (node.name or node.text) in ("Submit", "Search", "Go!")]
    return named[-1].ref


multi_orderings = multi_layouts


async def guess_number(desk: Desk) -> None:
    low, high = 0, 9
    while not desk.last.done:
        middle = (low + high) // 2
        await desk.fill(str(middle), role="spinbutton")
        await desk.submit()
        if not desk.last.done:
            lower = "lower than" in desk.last.observation
            low, high = (low, middle - 1) if lower else (middle + 1, high)


async def use_spinner(desk: Desk) -> None:
    await desk.fill(desk.said(r"Select (-?\d+)"), role="spinbutton")
    await desk.submit()
