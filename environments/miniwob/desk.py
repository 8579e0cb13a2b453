"""What a scripted solver works with: one open page, and the calls that it has made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from knowhow.environments.browser.episode import Browsing
from knowhow.environments.browser.snapshot import Node
from knowhow.environments.types import Feedback, ToolCall


class Desk:
    """A page, acted on by the suite's own tools. Calls after the end are not made."""

    def __init__(self, env: Browsing, goal: str, first: Feedback) -> None:
        self.goal = goal
        self.calls: list[ToolCall] = []
        self.last = first
        self._env = env

    def quoted(self, nth: int = 0) -> str:
        """The ``nth`` of what the goal says in quotation marks. Raises: LookupError where there are fewer."""
        found = re.findall(r'"([^"]*)"', self.goal)
        if nth >= len(found):
            raise LookupError(f"the goal {self.goal!r} has {len(found)} quotations, not {nth + 1}")
        return str(found[nth])

    def said(self, pattern: str) -> str:
        """The first group of a pattern in the goal. Raises: LookupError where it is not there."""
        found = re.search(pattern, self.goal)
        if found is None:
            raise LookupError(f"{pattern!r} is not in {self.goal!r}")
        return found[1]

    def all(self, role: str = "", name: str | None = None) -> list[str]:
        """The refs of the elements of a role and a name, or text, in the order of the page."""
        return [node.ref for node in self.nodes(role) if name is None or name in (node.name, node.text, node.all_text)]

    def nodes(self, role: str = "") -> list[Node]:
        return [one.node for one in self._env.snapshot.elements if not role or one.node.role == role]

    def has(self, role: str, name: str) -> bool:
        return bool(self.all(role, name))

    def one(self, role: str, name: str | None = None, nth: int = 0) -> str:
        """The ref of the ``nth`` element of a role and a name. Raises: LookupError where the page has fewer."""
        refs = self.all(role, name)
        if nth >= len(refs):
            what = role if name is None else f"{role} {name!r}"
            raise LookupError(f"the page has {len(refs)} of {what}, not {nth + 1}, after {len(self.calls)} calls")
        return refs[nth]

    def first(self, what: str, fits: Callable[[Node], bool], role: str = "") -> Node:
        """The first element that fits; ``what`` it is, for the error. Raises: LookupError where none does."""
        found = next((node for node in self.nodes(role) if fits(node)), None)
        if found is None:
            raise LookupError(f"the page has no {what} after {len(self.calls)} calls")
        return found

    async def click(self, role: str = "", name: str | None = None, nth: int = 0) -> None:
        """Click the ``nth`` element of a role and a name."""
        await self.do("click", element=self.one(role, name, nth))

    async def fill(self, text: str, nth: int = 0, role: str = "textbox") -> None:
        """Fill the ``nth`` field."""
        await self.do("fill", element=self.one(role, nth=nth), text=text)

    async def submit(self, name: str = "Submit") -> None:
        await self.click("button", name)

    async def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            await self.do("press", key=key)

    async def wait(self, seconds: int) -> None:
        """Let the page's clock go on: by one second with each call."""
        for _ in range(seconds):
            await self.do("scroll", direction="up")

    async def do(self, name: str, **arguments: Any) -> None:
        """Make a call; elements are given by their refs, and named as the possible commands name them."""
        if not self.last.done:
            wordings = {one.node.ref: one.wording for one in self._env.snapshot.elements}
            named = {key: wordings[ref] for key, ref in arguments.items() if key in ("element", "to")}
            self.calls.append(ToolCall(name, {**arguments, **named}))
            self.last = await self._env.step(self.calls[-1])

    async def page(self, expression: str) -> Any:
        """What a JavaScript expression gives, for what the snapshot does not tell."""
        return await self._env.view.evaluate(expression)
