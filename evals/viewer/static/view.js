"use strict";
/* Keys, focus after a decision, and what is told when the server does not answer. All else is links and forms. */
(() => {
  const rows = () => [...document.querySelectorAll("[data-list] [data-row]")];
  const typing = (target) => target.matches?.("input:not([type=checkbox]), select, textarea");
  let chord = false;

  function move(by) {
    const list = rows();
    const at = list.findIndex((row) => row === document.activeElement || row.closest("li, tr")?.contains(document.activeElement));
    const next = list[at < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + by))];
    next?.focus();
    next?.closest("li, tr")?.scrollIntoView({ block: "nearest" });
  }

  function follow(selector) {
    const link = document.querySelector(selector);
    link?.click();
    return Boolean(link);
  }

  /** In a review, a key acts on the card that has the focus. */
  function decide(key) {
    const card = document.activeElement?.closest("[data-review] li");
    const part = card?.querySelector(`[data-key="${key}"]`);
    if (!part) return false;
    part.click();
    const drawer = part.closest("details");
    if (drawer?.open) drawer.querySelector("textarea, input:not([type=hidden])")?.focus();
    return true;
  }

  function go(key) {
    chord = false;
    if (key === "a") location.href = "/";
    else return follow(`[data-go="${CSS.escape(key)}"]`);
    return true;
  }

  function help() {
    const dialog = document.getElementById("keys");
    dialog.open ? dialog.close() : dialog.showModal();
  }

  const keys = {
    j: () => move(1), k: () => move(-1), "[": () => follow("main a[rel=prev]"), "]": () => follow("main a[rel=next]"),
    "/": () => document.querySelector("input[type=search]")?.select(), "?": help, g: () => { chord = true; setTimeout(() => { chord = false; }, 1200); },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const acted = chord ? go(event.key) : decide(event.key) || (event.key in keys && keys[event.key]() !== false);
    if (acted) event.preventDefault();
  });
  document.querySelector("[data-help]")?.addEventListener("click", help);

  // The list of runs says how many are ticked.
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.(".runs input[type=checkbox]")) return;
    const ticked = document.querySelectorAll(".runs input:checked").length;
    const button = document.querySelector(".actions button");
    button.textContent = ticked ? `Side by side (${ticked})` : "Side by side";
  });

  const busy = (is) => document.documentElement.classList.toggle("busy", is);
  const polls = (event) => event.detail?.ctx?.sourceElement?.classList.contains("poll");
  const trouble = document.getElementById("trouble");
  document.addEventListener("htmx:before:request", (event) => { if (!polls(event)) busy(true); });
  document.addEventListener("htmx:finally:request", () => busy(false));
  document.addEventListener("htmx:after:swap", () => {
    trouble.hidden = true;
    window.drawCharts();
    const review = document.querySelector("[data-review]");
    if (review && !review.contains(document.activeElement)) rows()[0]?.focus();
  });
  document.addEventListener("htmx:error", () => {
    trouble.textContent = "The viewer does not answer. Is `knowhow view` still running?";
    trouble.hidden = false;
  });
})();
