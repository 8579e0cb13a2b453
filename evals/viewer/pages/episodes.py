"""The episodes of a run, one of them, and the images in it."""

from __future__ import annotations

from starlette.responses import Response

from knowhow.environments.errors import UnknownName
from knowhow.evals.reporting.figures import outcome
from knowhow.evals.viewer import episode as told
from knowhow.evals.viewer import listing
from knowhow.evals.viewer.images import image
from knowhow.evals.viewer.site import Asked, Page, Site

VIEWS = ("steps", "prompts")


def episodes(site: Site, asked: Asked) -> Page:
    folder = site.folders.open(asked.names["run"])
    wanted = listing.Asked(**{name: asked.get(name) for name in listing.Asked.__dataclass_fields__})
    found = listing.listing(folder, wanted, asked.number("page", 1))
    values = {"asked": wanted, "listing": found, "choices": listing.choices(folder), "outcomes": listing.OUTCOMES}
    return Page("episodes.html", values, folder, "episodes")


def episode(site: Site, asked: Asked) -> Page:
    """Raises: UnknownName where there is no such episode."""
    folder = site.folders.open(asked.names["run"])
    whole = folder.episodes.get(asked.names["episode"])
    summary = listing.summary(folder, whole.id)
    before, after = listing.neighbours(folder, whole.id)
    view = asked.get("view") if asked.get("view") in VIEWS else VIEWS[0]
    shown = {"steps": told.steps, "prompts": told.messages}[view](whole)
    return Page(
        "episode.html",
        {
            "episode": whole, "summary": summary, "outcome": outcome(summary), "before": before, "after": after,
            "view": view, view: shown, "opening": told.opening(whole), "recalled": told.recalled(folder, whole),
            "twins": listing.twins(folder, summary),
        },
        folder,
        "episodes",
    )  # fmt: skip


def screenshot(site: Site, asked: Asked) -> Response:
    """Raises: UnknownName where there is no such episode, or image in it."""
    folder = site.folders.open(asked.names["run"])
    found = image(folder.episodes.get(asked.names["episode"]), asked.names["image"])
    if found is None:
        raise UnknownName(f"there is no image {asked.names['image']!r} in this episode")
    kind, data = found
    return Response(data, media_type=kind)
