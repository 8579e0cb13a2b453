"""Podman: a container for each guest, without a service of root's."""

from __future__ import annotations

from knowhow.environments.sandboxes._container import Container


class Podman(Container):
    """Podman 4 or later, with the image that KNOWHOW_SANDBOX_IMAGE names."""

    engine, rank = "podman", 1
