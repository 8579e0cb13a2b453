"""Screenshots within an episode's texts: where they stand, and their bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from knowhow.environments.types import Feedback, Step, Trajectory

TYPES = ("png", "jpeg", "gif", "webp")
_URI = re.compile(rf"data:image/({'|'.join(TYPES)});base64,([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text: words, or the name of an image."""

    text: str
    image: str = ""


def pieces(text: str) -> list[Piece]:
    """A text with the images in it set apart."""
    found, end = list[Piece](), 0
    for match in _URI.finditer(text):
        found += [Piece(text[end : match.start()]), Piece("", _name(match[2]))]
        end = match.end()
    return [one for one in (*found, Piece(text[end:])) if one.image or one.text.strip()]


def image(episode: Trajectory, name: str) -> tuple[str, bytes] | None:
    """The type and the bytes of an image, None where the episode has none of this name."""
    for text in _texts(episode):
        for match in _URI.finditer(text):
            if _name(match[2]) == name:
                with suppress(binascii.Error):
                    return f"image/{match[1]}", base64.b64decode(match[2], validate=True)
    return None


def content(told: Any) -> str:
    """What a message in OpenAI's format says, its images as the URIs that they came as."""
    if isinstance(told, Mapping):
        address = told.get("image_url")
        parts = told.get("text"), address.get("url") if isinstance(address, Mapping) else address
        return "\n".join(part for part in parts if isinstance(part, str))
    if isinstance(told, Sequence) and not isinstance(told, str):
        return "\n".join(content(part) for part in told)
    return told if isinstance(told, str) else ""


def shown(feedback: Feedback) -> str:
    """What was observed, its images as the URIs that they came as."""
    return "\n".join((feedback.observation, *feedback.images))


def _texts(episode: Trajectory) -> Iterator[str]:
    yield shown(episode.first)
    for step in episode.steps:
        yield from _step(step)
    for message in episode.messages:
        yield content(message.get("content"))


def _step(step: Step) -> Iterator[str]:
    yield shown(step.feedback)
    for inner in step.inner:
        yield from _step(inner)


def _name(packed: str) -> str:
    return hashlib.sha256(packed.encode()).hexdigest()[:20]
