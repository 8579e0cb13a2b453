"""Which browser is played with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from knowhow.environments.errors import BadSetting, MissingExtra

VARIABLE = "KNOWHOW_BROWSER"
"""The environment variable that may name a browser's executable; it goes before what is found."""

SYSTEM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def executable(own: str) -> str:
    """The named browser, else Playwright's ``own``, else a Chromium or Chrome of the system.

    Raises: BadSetting where the named one is no program; MissingExtra where there is none.
    """
    named = os.environ.get(VARIABLE, "")
    found = (path for name in SYSTEM if (path := shutil.which(name)))
    if named and shutil.which(named) is None:
        raise BadSetting(f"{VARIABLE}={named!r} is no program; name a Chromium or Chrome, or unset it")
    if named:
        return named
    browser = own if Path(own).is_file() else next(found, "")
    if not browser:
        raise MissingExtra(
            "no browser was found; run: playwright install chromium, or on Debian: apt install chromium, "
            f"or name one in {VARIABLE}"
        )
    return browser
