"""Figures of stores on disk and in databases."""

from __future__ import annotations

from mailframe.message.status import Status
from mailframe.monitor.counters import OCTETS, counter, gauge, histogram

_DELIVERIES = counter("store_deliveries", "Messages delivered into mailboxes, by outcome", ["outcome"])
DELIVERED = _DELIVERIES.labels("delivered")
DEFERRED = _DELIVERIES.labels("deferred")
REFUSED = _DELIVERIES.labels("refused")
DELIVERED_OCTETS = counter("store_delivered_octets", "Octets delivered into mailboxes")
MESSAGE_OCTETS = histogram("store_message_octets", "Sizes of delivered messages", buckets=OCTETS)
BATCH_SECONDS = histogram("store_batch_seconds", "Seconds that a group of deliveries took, flushes included")
BATCH_MESSAGES = histogram(
    "store_batch_messages", "Messages of one group of deliveries", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
OPEN_ACCOUNTS = gauge("store_open_accounts", "Catalogues that are open")
FLUSH_SECONDS = histogram("store_flush_seconds", "Seconds that flushing one catalogue took")
TEXTS_KEPT = counter("store_texts_kept", "Messages whose text was put into an index for SEARCH")
TEXT_CHARACTERS = counter(
    "store_text_characters", "Characters of bodies that were put into an index for SEARCH"
)
_SEARCHES = counter(
    "store_searches", "Searches for text, by what answered: the index, or the messages", ["way"]
)
SEARCHES_BY_INDEX = _SEARCHES.labels("index")
SEARCHES_BY_MESSAGES = _SEARCHES.labels("messages")


def count_outcome(status: Status) -> None:
    """Count one delivery."""
    if status.success:
        DELIVERED.inc()
    elif status.temporary:
        DEFERRED.inc()
    else:
        REFUSED.inc()
