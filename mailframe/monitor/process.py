"""What a process costs: processor time, memory, open files; from ``/proc``, under Prometheus's usual names."""

from __future__ import annotations

import os
from collections.abc import Iterator


def process_families() -> Iterator[tuple[str, str, str, float]]:
    """Name, type, text and value of each figure; fewer where there is no ``/proc``."""
    times = os.times()
    yield "process_cpu_seconds", "counter", "Processor time, user and system", times.user + times.system
    try:
        fields = _stat()
        files = len(os.listdir("/proc/self/fd"))
    except OSError:
        return
    # Field numbers of proc_pid_stat(5), less the two in front of the state.
    yield "process_resident_memory_bytes", "gauge", "Memory in use", float(fields[21]) * _page()
    yield "process_open_fds", "gauge", "Open files and sockets", float(files)
    yield (
        "process_start_time_seconds",
        "gauge",
        "When the process began",
        _boot() + float(fields[19]) / _ticks(),
    )


def _stat() -> list[bytes]:
    with open("/proc/self/stat", "rb") as file:
        # The program's name may hold spaces and brackets: count from the last bracket.
        return file.read().rpartition(b")")[2].split()


def _boot() -> float:
    with open("/proc/stat", "rb") as file:
        for line in file:
            if line.startswith(b"btime "):
                return float(line.split()[1])
    return 0.0


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE")


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")
