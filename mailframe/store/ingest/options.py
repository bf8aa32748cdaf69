"""What can be configured of the ingest log."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, Duration, Size, option


@attrs.frozen(kw_only=True)
class IngestOptions:
    """``[ingest]``: a copy of every message that the store accepts, apart from the mailboxes; off without it."""

    directory: DataPath = option("Where its files lie; a disk of its own is a good idea.", DataPath("ingest"))
    keep: Duration = option("How long.", Duration(7 * 86400.0), minimum=3600)
    appended: bool = option("What clients put into mailboxes themselves (IMAP's APPEND), too.", False)
    flush: bool = option(
        "Answer for a message only when its copy is on stable storage, too. Without it the system writes copies "
        "within seconds: a power failure may lose the last ones, which are in the mailboxes all the same.",
        False,
    )
    file_size: Size = option(
        "A file is ended at this size, or after an hour.", Size(256 * 1024 * 1024), minimum=64 * 1024
    )
