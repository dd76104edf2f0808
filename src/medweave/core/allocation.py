"""How the process gets memory from the system."""

import ctypes
import platform

#: Parameters of mallopt, from glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1  # as mallopt(3) has it; the largest number would be 2 GB, which a step of a 3D network frees


def keep_freed_memory() -> None:
    """Let malloc use freed memory again, instead of giving it back to the system and asking for it anew.

    glibc maps each large array on its own and unmaps it when it is freed, so the system clears its pages anew for every
    activation of every training step; in a virtual machine that can cost more than the arithmetic. The process then
    keeps what its largest step needed. Has no effect on systems without glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
