"""Where parent and workers write their log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def begin_logging(plan: Mapping[str, Any], who: str) -> None:
    """Send this worker's events to standard output, which the parent gave it."""
    import sys

    from twisted.logger import globalLogBeginner, textFileLogObserver

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
