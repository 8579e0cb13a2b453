"""Hardly any walls: a process with limits, as ``nobody`` where root starts it, and one loud warning of what is open."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from knowhow.environments.control_groups import entering, made, remove
from knowhow.environments.limits import Limits
from knowhow.environments.sandboxes.bubblewrap import python
from knowhow.environments.walls import NOBODY, Started, only_weak

_OPEN = """untrusted code is NOT walled in here: {reason}. It has limits of time, processor and memory, and may start no
process; but it can {may}, use this machine's network and its local servers, see which processes run here, and take disk
and memory by files in any folder that it may write in, such as /tmp and /dev/shm, where they stay. Install bubblewrap
(Debian: apt install bubblewrap), or let nothing run that you have not read."""
_ROOTS_MAY = "read, change and delete the files that everybody may, end what runs as nobody"
_YOURS_MAY = "do what you may: read, change and delete your files, read the keys that your programs hold, end them"


class Weak:
    """Any Unix."""

    rank = 9

    def fails(self) -> str:
        return ""

    @contextmanager
    def start(self, code: str, limits: Limits) -> Iterator[Started]:
        _warn()
        root = os.geteuid() == 0
        with TemporaryDirectory(prefix="knowhow-guest-") as folder, made(limits) as groups:
            if root:
                os.chown(folder, NOBODY, NOBODY)
            command = ["sh", "-c", f'{entering(groups)}exec "$0" "$@"', *python(code, _program() if root else None)]
            user = NOBODY if root else None
            yield Started(command, folder=folder, uid=user, processes=0, end=partial(remove, groups))


def _program() -> str | None:
    """The system's Python, where nobody may not read this one, under ``/root`` say."""
    own = Path(sys.executable).resolve()
    closed = any(not folder.stat().st_mode & stat.S_IXOTH for folder in own.parents)
    return shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") if closed else None


def warning(reason: str, *, root: bool) -> str:
    """What is not held, in a line for whoever has to know."""
    return " ".join(_OPEN.format(reason=reason, may=_ROOTS_MAY if root else _YOURS_MAY).split())


@cache
def _warn() -> None:
    warnings.warn(warning(only_weak(), root=os.geteuid() == 0), RuntimeWarning, stacklevel=6)
