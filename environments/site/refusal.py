"""What a site does not do, in a sentence for the page."""

from __future__ import annotations


class Refused(Exception):
    """The request asks for what is not possible; nothing was changed."""
