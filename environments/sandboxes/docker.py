"""Docker: a container for each guest, where its service runs."""

from __future__ import annotations

from knowhow.environments.sandboxes._container import Container


class Docker(Container):
    """Docker 20.10 or later, with the image that KNOWHOW_SANDBOX_IMAGE names."""

    engine, rank = "docker", 2
