"""Web pages as environments: Chromium by Playwright, acted on by tools, told as an accessibility snapshot.

::

    async def judge(view: View, answer: str | None) -> Verdict:  # after each step, and with the answer at the end
        paid = "/paid" in view.url or await view.evaluate("document.querySelectorAll('.receipt').length > 0")
        return Verdict(reward=float(paid), over=paid)

    visit = Visit("http://127.0.0.1:8000/shop", goal=task.goal, hosts=("127.0.0.1:8000",))
    async with browse(visit, judge) as env:
        feedback = await env.reset()
        feedback = await env.step(ToolCall("click", {"element": "button Buy"}))  # or {"element": "e17"}

``Visit`` and ``browse`` are in ``episode.py``; every other file has one part of it.
"""
