"""What a model that sees gets beside the text: the images of a feedback, as OpenAI's chat format has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import HumanMessage

from knowhow.environments.types import Feedback

TOLD = "This is what it looks like now:"


def seen(text: str, images: Sequence[str]) -> str | list[str | dict[str, Any]]:
    """The content of a message with these images, which are URLs (``data:`` ones too)."""
    if not images:
        return text
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in images)]


def pictures(feedback: Feedback) -> tuple[HumanMessage, ...]:
    """The message that follows the answers to calls: in OpenAI's format these hold text alone."""
    return (HumanMessage(seen(TOLD, feedback.images)),) if feedback.images else ()
