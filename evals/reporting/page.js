"use strict";
/* Unpacks the episodes and shows them. Texts of a run enter the page as text nodes only, never as markup. */

const PAGE = 200;
const SIGNS = { solved: "✓", failed: "✗", error: "!", "cut off": "…", unknown: "?" };
const STOPS = {
  terminated: "the world ended it", truncated: "the world cut it off", max_steps: "the limit of steps was reached",
  no_call: "no usable call came", budget: "the budget was used up", error: "it failed", hidden: "how it ended is withheld",
};
const $ = (id) => document.getElementById(id);
const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** An element with attributes and children; strings become text. */
function el(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== undefined && value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/* ---- memory: any version is the fold of the changes up to it ---- */

let versions = [];
const folded = new Map();

function itemsAt(version) {
  if (!folded.has(version)) {
    const items = new Map();
    for (const one of versions) {
      if (one.version > version) break;
      for (const [id, fields] of Object.entries(one.set)) {
        if (fields === null) items.delete(id);
        else items.set(id, { ...items.get(id), ...fields });
      }
    }
    folded.set(version, items);
  }
  return folded.get(version);
}

const itemLink = (id) => el("a", { class: "id", href: `#item-${encodeURIComponent(id)}` }, id);

/** Text with `code` set as code, and [id] of an item as a link to it. */
function prose(text, items) {
  return text.split(/(`[^`\n]+`|\[[^[\]\s]{1,80}\])/).map((part, place) => {
    if (place % 2 === 0) return part;
    const inner = part.slice(1, -1);
    if (part[0] === "`") return el("code", {}, inner);
    return items && items.has(inner) ? itemLink(inner) : part;
  });
}

function compare(form) {
  const [a, b] = [itemsAt(+form.a.value), itemsAt(+form.b.value)];
  const rows = [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((id) => compared(id, a.get(id), b.get(id)));
  $("compared").replaceChildren(rows.length ? el("ul", { class: "edits" }, rows) : el("p", {}, "They hold the same."));
}

function compared(id, one, other) {
  const changed = ["status", "section", "uses", "helpful", "harmful"].filter((name) => one && other && one[name] !== other[name]);
  if (one && other && one.text === other.text && !changed.length) return [];
  const texts = one && other && one.text === other.text
    ? [el("span", { class: "dim" }, prose(one.text))]
    : [one && el("del", {}, prose(one.text)), one && other && " ", other && el("ins", {}, prose(other.text))];
  const fields = changed.map((name) => el("span", { class: "why" }, `${name} ${one[name]} → ${other[name]}`));
  return [el("li", {}, itemLink(id), el("span", {}, texts, fields))];
}

function offerComparison() {
  const form = $("compare");
  if (!form || !versions.length) return;
  const numbers = [0, ...versions.map((one) => one.version)];
  for (const select of [form.a, form.b]) select.append(...numbers.map((n) => el("option", { value: n }, n ? String(n) : "0 (empty)")));
  form.b.value = numbers.at(-1);
  form.addEventListener("change", () => compare(form));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
}

/* ---- episodes ---- */

let episodes = [];
let found = [];
let listed = PAGE;
let current = null;
const byId = new Map();
const twins = new Map();
const haystacks = new Map();

const place = (one) => (one.round ? `${one.phase} ${one.round}` : one.phase);
const twinKey = (one) => `${one.task}\n${one.seed}`;
const outcomeClass = (one) => `o-${one.outcome.split(" ")[0]}`;

function haystack(one) {
  if (!haystacks.has(one.id)) {
    const steps = one.steps.flatMap(([call, observation, said]) => [call || "", observation, said]);
    haystacks.set(one.id, [one.id, one.task, one.goal, one.error, one.first, ...steps].join("\n").toLowerCase());
  }
  return haystacks.get(one.id);
}

function filter() {
  const form = $("filters");
  const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = ["kind", "outcome"].filter((name) => form[name].value).map((name) => [name, form[name].value]);
  found = episodes.filter((one) =>
    (!form.phase.value || place(one) === form.phase.value || one.phase === form.phase.value) &&
    wanted.every(([name, value]) => one[name] === value) &&
    words.every((word) => word.startsWith("cites:")
      ? one.cited.some((id) => `cites:${id}`.toLowerCase() === word)
      : haystack(one).includes(word)));
  listed = PAGE;
  list();
}

function list() {
  const solved = found.filter((one) => one.outcome === "solved").length;
  $("found").textContent = `${plural(found.length, "episode")}, ${solved.toLocaleString("en")} solved`;
  $("list").replaceChildren(...found.slice(0, listed).map(row));
  $("more").hidden = found.length <= listed;
  markCurrent();
}

function row(one) {
  return el("li", {}, el("a", { href: `#episode-${encodeURIComponent(one.id)}`, "data-id": one.id },
    el("span", { class: outcomeClass(one), title: one.outcome, role: "img", "aria-label": one.outcome }, SIGNS[one.outcome] || "?"), el("span", {}, one.goal || one.task),
    el("small", {}, [place(one), one.kind, plural(one.steps.length, "step")].filter(Boolean).join(" · "))));
}

function markCurrent() {
  for (const link of $("list").querySelectorAll("a")) {
    if (link.dataset.id === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function show(one) {
  current = one.id;
  const items = itemsAt(one.version);
  $("episode").replaceChildren(
    el("h3", {}, one.goal || one.task),
    facts(one),
    sameTask(one),
    one.error ? el("p", { class: "error" }, one.error) : "",
    recalled("Recalled", one.shown, one, items),
    recalled("Recalled, and withheld from the agent", one.withheld, one, items),
    el("p", { class: "observation first" }, one.first),
    el("ol", { class: "steps" }, one.steps.map((step) => stepRow(step, items))),
    el("p", { class: "end" }, el("b", { class: outcomeClass(one) }, one.outcome), `, ${STOPS[one.stop] || one.stop}`,
      one.reward === null ? "; its reward is withheld" : `; reward ${+one.reward.toFixed(3)}`));
  markCurrent();
}

function facts(one) {
  const told = [
    place(one), one.kind, plural(one.steps.length, "step"), one.version ? `memory version ${one.version}` : "no memory",
    `task ${one.task}`, `seed ${one.seed}`, one.model, one.method, one.attempts > 1 ? plural(one.attempts, "attempt") : "",
    plural(one.calls, "call"), plural(one.tokens, "token"), one.cost ? `$${one.cost.toFixed(4)}` : "", `${one.seconds} s`,
  ];
  const address = el("a", { class: "id", href: `#episode-${encodeURIComponent(one.id)}`, title: "Link to this episode" }, one.id);
  return el("p", { class: "facts" }, el("b", { class: outcomeClass(one) }, `${SIGNS[one.outcome]} ${one.outcome}`),
    told.filter(Boolean).map((text) => el("span", {}, text)), address);
}

/** The same task with the same seed in other phases and rounds. */
function sameTask(one) {
  const others = (twins.get(twinKey(one)) || []).filter((other) => other.id !== one.id);
  if (!others.length) return "";
  return el("p", { class: "twins" }, "The same task", others.map((other) =>
    el("a", { href: `#episode-${encodeURIComponent(other.id)}` },
      el("span", { class: outcomeClass(other) }, `${SIGNS[other.outcome]} `), place(other))));
}

function recalled(title, ids, one, items) {
  if (!ids.length) return "";
  const cited = new Set(one.cited);
  const rows = ids.map((id) => el("li", { class: cited.has(id) ? "used" : null },
    itemLink(id), el("span", {}, items.has(id) ? prose(items.get(id).text) : "(not in the log that this page has)")));
  const summary = `${title}: ${plural(ids.length, "item")}${cited.size ? `, ${cited.size} cited` : ""}`;
  return el("details", { class: "recalled" }, el("summary", {}, summary), el("ul", {}, rows));
}

function stepRow([call, observation, said, reward], items) {
  return el("li", {},
    said ? el("p", { class: "said" }, prose(said, items)) : "",
    call === null ? el("p", { class: "call none" }, "no usable call") : el("p", { class: "call" }, `> ${call}`),
    el("p", { class: "observation" }, observation),
    reward ? el("p", { class: "earned" }, `reward ${+reward.toFixed(3)}`) : "");
}

function go(by) {
  const at = found.findIndex((one) => one.id === current);
  const next = found[at < 0 ? 0 : Math.min(found.length - 1, Math.max(0, at + by))];
  if (!next || next.id === current) return;
  while (found.indexOf(next) >= listed) listed += PAGE;
  if ($("list").children.length < Math.min(listed, found.length)) list();
  history.replaceState(null, "", `#episode-${encodeURIComponent(next.id)}`);
  show(next);
  if ($("list").contains(document.activeElement)) $("list").querySelector("[aria-current]").focus({ preventScroll: true });
  reveal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing) return;
  const inList = $("list").contains(event.target);
  const steps = { j: 1, k: -1, ...(inList ? { ArrowDown: 1, ArrowUp: -1 } : {}) };
  if (event.key in steps) go(steps[event.key]);
  else if (event.key === "/") $("filters").text.focus();
  else return;
  event.preventDefault();
}

/** #episode-ID shows an episode, #cites-ID lists those that cited an item; any other place opens what hides it. */
function onHash() {
  const [, what, name] = /^#(episode|cites|item)-(.+)$/.exec(location.hash) || [];
  const id = decodeURIComponent(name || location.hash.slice(1));
  if (what === "episode" && byId.has(id)) {
    if (!found.some((one) => one.id === id)) search("");
    show(byId.get(id));
    reveal();
  } else if (what === "cites") {
    search(`cites:${id}`);
    if (found.length) show(found[0]);
    $("episodes").scrollIntoView();
  } else {
    const target = $(what ? `${what}-${id}` : id);
    const hidden = target && target.closest("details");
    if (hidden) hidden.open = true;
    if (target) target.scrollIntoView();
  }
}

/** Look for a text in all episodes. */
function search(text) {
  $("filters").reset();
  $("filters").text.value = text;
  filter();
}

/** Bring the top of the episode into sight, unless it is. */
function reveal() {
  const { top } = $("episode").getBoundingClientRect();
  if (top < 0 || top > window.innerHeight / 2) $("episode").scrollIntoView({ block: "start" });
  const link = $("list").querySelector("[aria-current]");
  if (link) link.scrollIntoView({ block: "nearest" });
}

function options(select, all, values) {
  select.replaceChildren(el("option", { value: "" }, all), ...values.map((value) => el("option", { value }, value)));
}

function offerEpisodes() {
  const unique = (values) => [...new Set(values)];
  for (const one of episodes) {
    byId.set(one.id, one);
    twins.set(twinKey(one), [...(twins.get(twinKey(one)) || []), one]);
  }
  const form = $("filters");
  options(form.phase, "all phases", unique(episodes.flatMap((one) => [one.phase, place(one)])));
  options(form.kind, "all kinds", unique(episodes.map((one) => one.kind)).filter(Boolean).sort());
  options(form.outcome, "all outcomes", unique(episodes.map((one) => one.outcome)).sort());
  let waiting = 0;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("more").addEventListener("click", () => { listed += PAGE; list(); });
  document.addEventListener("keydown", onKey);
  $("browser").hidden = false;
  if (episodes.some((one) => one.phase === "after")) form.phase.value = "after";
  filter();
  show(found[0]);
}

async function main() {
  window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack gzip; use a newer one");
  const data = await unpack($("data").textContent);
  ({ episodes, versions } = data);
  offerComparison();
  if ($("browser") && episodes.length) offerEpisodes();
  if ($("unpacking")) $("unpacking").remove();
  window.addEventListener("hashchange", onHash);
  onHash();
}

main().catch((error) => { if ($("unpacking")) $("unpacking").textContent = `The episodes cannot be shown: ${error.message}.`; });
