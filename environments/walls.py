"""The walls of the sandbox: the command that starts Python where untrusted code may run.

bubblewrap makes a place of its own: no network, no other processes, no environment variables, nothing of the disk but
the system's programs and Python, both read-only, and a small scratch folder in memory. Root becomes ``nobody`` first.
Where bubblewrap is not to be had, there are the limits of ``environments/sandbox.py`` alone, and one loud warning.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from knowhow.environments.syscalls import denying

NOBODY = 65534
_SCRATCH = "/tmp"
_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_SEEN_AT = "/mnt"
_AS_NOBODY = (
    *("unshare", "--mount", "sh", "-c"),
    f'mount --bind "$0" {_SEEN_AT} && exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"',
)
"""Root shows the unprivileged user, at another place, a Python that may lie under ``/root``. No process of root's is
left between this one and bubblewrap: it could not kill it when this one dies."""
_WARNING = """untrusted code is NOT walled in here: {reason}. It runs as {user} with limits of time, memory and
processes, but it can read this machine's files and use its network. Install bubblewrap (Debian: apt install
bubblewrap), or let nothing run that you have not read."""


@dataclass(frozen=True, slots=True)
class Started:
    """How to start a guest: ``command`` and the file descriptors that it needs, the folder to start in, the user that
    the guest is to become itself (None: it is somebody else already), how many processes there are beside its own, and
    whether it may have more than one at all."""

    command: list[str]
    fds: tuple[int, ...] = ()
    folder: str = "/"
    uid: int | None = None
    beside: int = 0
    forks: bool = True


@contextmanager
def walled(code: str, disk: int) -> Iterator[Started]:
    """How to run the Python ``code`` behind the best walls that there are here, with ``disk`` bytes of scratch."""
    if not bubblewrap_fails():
        with _filter() as fds:
            yield Started(_bubblewrap(code, disk, fds), fds, beside=1)
        return
    _warn()
    with TemporaryDirectory(prefix="knowhow-guest-") as folder:
        root = os.geteuid() == 0
        if root:
            os.chown(folder, NOBODY, NOBODY)
        yield Started(_python(code), folder=folder, uid=NOBODY if root else None, forks=False)


@cache
def bubblewrap_fails() -> str:
    """Why bubblewrap cannot be used here; empty where it can. Tried once."""
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed"
    try:
        with _filter() as fds:
            command = _bubblewrap("", 1 << 20, fds)
            tried = subprocess.run(command, pass_fds=fds, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start ({error})"
    return f"bubblewrap does not work ({tried.stderr.strip()[:200]})" if tried.returncode else ""


def _python(code: str) -> list[str]:
    return [str(Path(sys.executable).resolve()), "-I", "-S", "-c", code]


def _bubblewrap(code: str, disk: int, fds: tuple[int, ...] = ()) -> list[str]:
    inside = [
        *("bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--uid", str(NOBODY), "--gid", str(NOBODY)),
        *("--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
        *(word for fd in fds for word in ("--add-seccomp-fd", str(fd))),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
        *("--size", str(disk), "--tmpfs", _SCRATCH, "--chdir", _SCRATCH, "--remount-ro", "/", "--", *_python(code)),
    ]
    return [*_AS_NOBODY, _base(), *inside] if os.geteuid() == 0 else inside


def _system() -> list[str]:
    """The system's programs and Python's own folder, read-only."""
    words = _shown(Path("/usr"))
    for path in map(Path, _LINKS):
        words += ["--symlink", str(path.readlink()), str(path)] if path.is_symlink() else _shown(path)
    words += [*_shown(Path("/etc/ld.so.cache")), *_shown(Path("/etc/alternatives"))]  # the latter has awk on Debian
    if not Path(_base()).is_relative_to("/usr"):
        words += ["--ro-bind", _SEEN_AT if os.geteuid() == 0 else _base(), _base()]
    return words + _hidden(Path(__file__).resolve().parents[1])


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


@cache
def _warn() -> None:
    user = "nobody" if os.geteuid() == 0 else "you"
    warnings.warn(_WARNING.format(reason=bubblewrap_fails(), user=user), RuntimeWarning, stacklevel=4)
