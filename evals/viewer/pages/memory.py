"""The memory of a run: its items at any version, one with its history, its versions, and what differs between two."""

from __future__ import annotations

from knowhow.evals.viewer import curves, versions
from knowhow.evals.viewer import items as chosen
from knowhow.evals.viewer.site import Asked, Page, Site

_ASKED = chosen.Asked.__dataclass_fields__


def memory(site: Site, asked: Asked) -> Page:
    folder = site.folders.open(asked.names["run"])
    if folder.memory is None:
        return Page("no_memory.html", {}, folder, "memory")
    version = asked.number("version", folder.journal.version)
    items = folder.items(version)
    wanted = chosen.Asked(**{name: text.strip() for name, text in asked.query.items() if name in _ASKED})
    return Page(
        "memory.html",
        {
            "asked": wanted, "listing": chosen.listing(items, wanted, asked.number("page", 1)), "version": version,
            "last": folder.journal.version, "choices": chosen.choices(items.values()),
            "counts": chosen.counts(items.values()), "sorts": chosen.SORTS, "span": chosen.span(items.values()),
        },
        folder,
        "memory",
    )  # fmt: skip


def item(site: Site, asked: Asked) -> Page:
    """Raises: UnknownName where there never was such an item."""
    folder = site.folders.open(asked.names["run"])
    id = asked.names["item"]
    deeds = chosen.history(folder, id)
    now = folder.journal.items().get(id)
    last = now or folder.items(deeds[-1].version - 1).get(id)
    return Page(
        "item.html",
        {
            "id": id, "item": now, "last": last, "deeds": deeds, "since": chosen.since(folder, id),
            "sources": chosen.sources(folder, last.sources if last else ()),
            "curve": curves.effects(chosen.measured(deeds)), "span": chosen.span([last] if last else []),
        },
        folder,
        "memory",
    )  # fmt: skip


def history(site: Site, asked: Asked) -> Page:
    folder = site.folders.open(asked.names["run"])
    if folder.memory is None:
        return Page("no_memory.html", {}, folder, "memory")
    last = folder.journal.version
    before = asked.number("before", last + 1)
    values = {"versions": versions.versions(folder, before), "last": last, "before": before}
    return Page("history.html", {**values, "curve": curves.growth(versions.growth(folder))}, folder, "memory")


def diff(site: Site, asked: Asked) -> Page:
    """Raises: BadSetting for a version that is not there."""
    folder = site.folders.open(asked.names["run"])
    last = folder.journal.version
    a, b = asked.number("a", max(0, last - 1)), asked.number("b", last)
    values = {"a": a, "b": b, "last": last, "differences": versions.differences(folder, a, b, asked.number("page", 1))}
    return Page("diff.html", values, folder, "memory")
