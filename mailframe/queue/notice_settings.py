"""What notices to senders can be told; every option has a default."""

from __future__ import annotations

import attrs

from mailframe.config.types import Size, option
from mailframe.message.address import Address


@attrs.frozen
class NoticeSettings:
    """``[notices]``: how senders are told what became of their mail."""

    sender: Address | None = option(
        "The address in the From field of notices; where none is given, ``MAILER-DAEMON`` at this node's name. Their"
        " reverse-path is always the null one.",
        None,
    )
    return_limit: Size = option(
        "The largest message that is brought back whole to a sender who asked for that (``RET=FULL``); of a larger"
        " one, the header.",
        Size(10_000_000),
    )
    return_unasked: Size = option(
        "The largest message that is brought back whole to a sender who did not say. 0: the header only, always.",
        Size(100_000),
    )
