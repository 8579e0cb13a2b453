"""bubblewrap: a place of its own in namespaces, with nothing to set up and nothing to feel.

No network, no other processes, no environment variables, nothing of the disk but the system's programs and Python, both
read-only, and a small scratch folder in memory. Root becomes ``nobody`` first. With the extra ``sandbox`` a filter
keeps system calls away; where this process may make control groups, one bounds the memory of all together.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from knowhow.environments.control_groups import entering, made, remove
from knowhow.environments.limits import Limits
from knowhow.environments.syscalls import denying
from knowhow.environments.walls import NOBODY, Started

_SCRATCH = "/tmp"
_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SEEN_AT = "/mnt"
_AS_NOBODY = f'mount --bind "$0" {_SEEN_AT} && exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"'
"""Root shows the unprivileged user, at another place, a Python that may lie under ``/root``. No process of root's is
left between this one and bubblewrap: it could not kill it when this one dies."""


class Bubblewrap:
    """Linux with bubblewrap 0.8 or later."""

    rank = 0

    def fails(self) -> str:
        return _fails()

    @contextmanager
    def start(self, code: str, limits: Limits) -> Iterator[Started]:
        with _filter() as fds, made(limits) as groups:
            command = _command(code, limits.disk_mb << 20, fds, groups)
            yield Started(command, fds, processes=limits.processes + 1, keeper=True, end=partial(remove, groups))


@cache
def _fails() -> str:
    """Tried once."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (Debian: apt install bubblewrap)"
    try:
        with _filter() as fds:
            command = _command("", 1 << 20, fds)
            tried = subprocess.run(command, pass_fds=fds, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({error})"
    return f"bubblewrap does not work ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def python(code: str, program: str | None = None) -> list[str]:
    """What runs code in the Python that this one is, or in another program, without its packages."""
    return [program or str(Path(sys.executable).resolve()), "-I", "-S", "-c", code]


def _command(code: str, disk: int, fds: tuple[int, ...] = (), groups: tuple[Path, ...] = ()) -> list[str]:
    inside = [
        *("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)),
        *("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *(word for fd in fds for word in ("--add-seccomp-fd", str(fd))),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
        *("--size", str(disk), "--tmpfs", _SCRATCH, "--chdir", _SCRATCH, "--remount-ro", "/", "--", *python(code)),
    ]
    if os.geteuid() != 0:
        return inside
    return ["unshare", "--mount", "sh", "-c", entering(groups) + _AS_NOBODY, _base(), *inside]


def _system() -> list[str]:
    """The system's programs and Python's own folder, read-only."""
    words = _shown(Path("/usr"))
    for path in map(Path, _LINKS):
        words += ["--symlink", str(path.readlink()), str(path)] if path.is_symlink() else _shown(path)
    words += [*_shown(Path("/etc/ld.so.cache")), *_shown(Path("/etc/alternatives"))]  # the latter has awk on Debian
    if not Path(_base()).is_relative_to("/usr"):
        words += ["--ro-bind", _SEEN_AT if os.geteuid() == 0 else _base(), _base()]
    return words + _hidden(Path(__file__).resolve().parents[2])


def _hidden(own: Path) -> list[str]:
    """This package holds the answers of suites: nothing of it is seen, where it is installed beside what is shown."""
    beside = any(own.is_relative_to(shown) for shown in ("/usr", _base()))
    return ["--tmpfs", str(own), "--remount-ro", str(own)] if beside else []


def _shown(path: Path) -> list[str]:
    return ["--ro-bind", str(path), str(path)] if path.exists() else []


def _base() -> str:
    """The folder of Python itself, whatever virtual environment this is."""
    return str(Path(sys.base_prefix).resolve())


@contextmanager
def _filter() -> Iterator[tuple[int, ...]]:
    """A file descriptor of the filter of system calls, where there is one; to be read once."""
    program = denying()
    if program is None:
        yield ()
        return
    fd = os.memfd_create("filter")
    try:
        os.write(fd, program)
        os.lseek(fd, 0, os.SEEK_SET)
        yield (fd,)
    finally:
        os.close(fd)
