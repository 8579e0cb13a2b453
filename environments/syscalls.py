"""The system calls that sandboxed code may not make, as a filter for the kernel (seccomp)."""

from __future__ import annotations

import errno
import os
import tempfile
from functools import cache

DENIED = (
    # the network, beside there being none
    *("socket", "bind", "connect", "listen", "accept", "accept4"),
    # memory that no limit counts
    *("memfd_create", "memfd_secret", "shmget", "shmat", "semget", "msgget", "mq_open", "remap_file_pages"),
    # other processes, and other namespaces
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_open", "pidfd_getfd"),
    *("unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsmount"),
    # parts of the kernel that a Python function has no use for
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("keyctl", "add_key", "request_key", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "quotactl"),
    *("kexec_load", "init_module", "finit_module", "delete_module", "syslog", "acct", "personality", "reboot"),
)
HIDDEN = ("clone3",)
"""Calls whose flags a filter cannot read; where they seem not to exist, the C library uses the ones before them."""
NEW_USER_NAMESPACE = 0x10000000


@cache
def denying() -> bytes | None:
    """The filter as the kernel reads it; None without the extra ``sandbox``, or where its library is not there."""
    try:
        import pyseccomp as seccomp

        made = seccomp.SyscallFilter(seccomp.ALLOW)
    except (ImportError, RuntimeError, OSError):
        return None
    for name in _known(seccomp, DENIED):
        made.add_rule(seccomp.ERRNO(errno.EPERM), name)
    for name in _known(seccomp, HIDDEN):
        made.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
    in_first = seccomp.Arg(0, seccomp.MASKED_EQ, NEW_USER_NAMESPACE, NEW_USER_NAMESPACE)
    made.add_rule(seccomp.ERRNO(errno.EPERM), "clone", in_first)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        return os.pread(file.fileno(), 1 << 20, 0)


def _known(seccomp: object, names: tuple[str, ...]) -> list[str]:
    """Those that this machine's library and processor have."""
    resolve = seccomp.resolve_syscall  # type: ignore[attr-defined]
    found = []
    for name in names:
        try:
            known = resolve(seccomp.Arch.NATIVE, name) >= 0  # type: ignore[attr-defined]
        except (OSError, ValueError):
            known = False
        found += [name] * known
    return found
