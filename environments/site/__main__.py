"""Look at a world of the site in a browser: ``python -m knowhow.environments.site --world 3``."""

from __future__ import annotations

import argparse
import threading
from contextlib import suppress

from knowhow.environments.site import database
from knowhow.environments.site.app import SITES
from knowhow.environments.site.server import serving
from knowhow.environments.site.worlds.cast import words
from knowhow.environments.site.worlds.world import world


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve one world of the site on loopback, until Ctrl-C.")
    worlds = words()["worlds"]
    parser.add_argument("--world", type=int, default=0, choices=range(worlds), help=f"0 to {worlds - 1}")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    with serving(database.copy(world(given.world, True)), given.port), suppress(KeyboardInterrupt):
        print("\n".join(f"http://{host}:{given.port}/" for host in SITES), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
