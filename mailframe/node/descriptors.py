"""As many open files as the system lets a process have: each connection is one."""

from __future__ import annotations

import resource

from twisted.logger import Logger

RESERVED = 1536
"""Descriptors left for everything but connections: catalogues (400 of three each), mail being written, the log, the
channel."""
ENOUGH = 1_000_000
"""Where there is no limit, this is one; nobody has more connections."""

log = Logger()


def connections_possible(wanted: int) -> int:
    """Raise this process's own limit of open files as far as it may, and say how many connections fit below it.

    Systems start services with a soft limit of 1024, for programs that use ``select()``, and a hard one of
    half a million for the others.

    Args:
        wanted: how many connections the configuration allows.

    Returns:
        ``wanted``, or fewer, so that files for mail can always be opened.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _raised(soft, hard)
    possible = max(1, limit - min(RESERVED, limit // 2))
    if possible >= wanted:
        return wanted
    log.warn(
        "only {possible} connections instead of {wanted}: this process may open {limit} files",
        possible=possible,
        wanted=wanted,
        limit=limit,
    )
    return possible


def _raised(soft: int, hard: int) -> int:
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return ENOUGH if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):
        return soft
    return most
