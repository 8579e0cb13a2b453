"""JavaScript that runs on pages."""

AT_START = """(() => {
  const still = () => {
    const style = document.createElement("style");
    style.textContent = "*, *::before, *::after { transition: none !important; animation: none !important; " +
      "scroll-behavior: auto !important; caret-color: transparent !important } [data-listens] { cursor: pointer }";
    document.documentElement.append(style);
  };
  if (document.documentElement) still(); else addEventListener("DOMContentLoaded", still);
  window.open = url => { if (url) location.href = url; return null; };
  const here = event => {
    for (const one of event.composedPath())
      if (one.target && one.target !== "_self" && one.getAttribute) one.setAttribute("target", "_self");
  };
  addEventListener("click", here, true);
  addEventListener("submit", here, true);
  const heard = new WeakSet(), listen = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (kind, ...rest) {
    if (["click", "mousedown", "mouseup", "pointerdown"].includes(kind) && this instanceof Element) heard.add(this);
    return listen.call(this, kind, ...rest);
  };
  Object.defineProperty(window, "__listens", { value: one => heard.has(one) || one.onclick || one.onmousedown });
})()"""
"""Run on every page before its own scripts: nothing moves by itself, what would open a new tab opens here, and it is
noted what listens to clicks."""

MARK = """(() => {
  for (const one of document.body ? document.body.querySelectorAll("*") : []) {
    const clicked = window.__listens && __listens(one), style = getComputedStyle(one);
    if (!clicked && style.cursor !== "pointer") continue;
    if (clicked && one.childElementCount < 5) one.dataset.listens = "";
    if (one.childElementCount || one.closest("a, button, label, select, svg, [role=button], [role=link]") ||
        one.matches("input, textarea, img[alt], [role]") || !one.getClientRects().length) continue;
    const hint = one.title || one.getAttribute("class") || one.id;
    if (one.textContent.trim()) {
      if (clicked && style.display === "inline") one.setAttribute("role", "link");
    } else if (hint) {
      one.setAttribute("role", "button");
      one.setAttribute("aria-label", hint);
    }
  }
})()"""
"""What listens to clicks shows as clickable: words in a text as a link, and what has no name, as a bare icon, by its
title or class."""

SCROLLS = """(() => { const e = document.scrollingElement || document.documentElement;
  return [e.scrollTop > 0, e.scrollTop + e.clientHeight + 1 < e.scrollHeight] })()"""
"""Is there more of the page above, and below?"""

UNREACHABLE = """(e, acted) => {
  e.scrollIntoViewIfNeeded();
  const box = [...e.getClientRects()].find(box => box.width && box.height);
  if (!box || getComputedStyle(e).visibility !== "visible") return "it is hidden";
  if (e.matches(":disabled")) return "it is disabled";
  if (acted !== "click") return e.readOnly ? "it cannot be changed" : "";
  const hit = e.getRootNode().elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const reached = !hit || e.contains(hit) || [...(e.labels || [])].some(label => label.contains(hit));
  return reached ? "" : "another element lies over it";
}"""
"""Why an element cannot be acted on. As the page's clock stands still, waiting would not help."""
