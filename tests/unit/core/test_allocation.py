import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from medweave.core.allocation import keep_freed_memory

COUNT = """
import resource
from medweave.core.allocation import keep_freed_memory
if {keep}:
    keep_freed_memory()
for repeat in range(21):
    if repeat == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * 48_000_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _page_faults(*, keep: bool) -> int:
    """Page faults of taking and freeing 48 MB twenty times, in a process of its own."""
    command = [sys.executable, "-c", COUNT.format(keep=keep)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_memory_that_was_freed_is_used_again():
    given_back, kept = _page_faults(keep=False), _page_faults(keep=True)
    assert given_back > 100_000
    assert kept < given_back / 10


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's malloc can be told")
def test_nothing_is_given_back_however_much_it_is(monkeypatch):
    told = {}
    libc = SimpleNamespace(mallopt=told.__setitem__)
    monkeypatch.setattr("medweave.core.allocation.ctypes.CDLL", lambda name: libc)
    keep_freed_memory()
    assert told == {-4: 0, -1: -1}  # mallopt(3): no maps of their own; a threshold of -1 disables trimming


def test_another_libc_is_left_alone(monkeypatch):
    def refuse(name):
        raise AssertionError("not glibc's")

    monkeypatch.setattr("medweave.core.allocation.platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr("medweave.core.allocation.ctypes.CDLL", refuse)
    keep_freed_memory()
