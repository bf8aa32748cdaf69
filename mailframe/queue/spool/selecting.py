"""What a selection means, for spools that look at messages one by one."""

from __future__ import annotations

import fnmatch

from mailframe.message.address import Address
from mailframe.queue.values import QueuedMessage, QueuedRecipient, Selection


def fits(selection: Selection, message: QueuedMessage, recipient: QueuedRecipient) -> bool:
    """Is this recipient of this message meant?"""
    return _message_fits(selection, message, recipient) and _recipient_fits(selection, recipient)


def _message_fits(selection: Selection, message: QueuedMessage, recipient: QueuedRecipient) -> bool:
    sender = message.envelope.reverse_path
    if selection.queue_ids and message.queue_id not in selection.queue_ids:
        return False
    if selection.sender is not None and not _sender_fits(selection.sender, sender):
        return False
    if selection.account is not None and message.account.lower() != selection.account.lower():
        return False
    if selection.arrived_before is not None and message.arrived >= selection.arrived_before:
        return False
    if selection.arrived_after is not None and message.arrived <= selection.arrived_after:
        return False
    if selection.reason is None:
        return True
    words = selection.reason.lower()
    return words in message.reason.lower() or (
        recipient.status is not None and words in str(recipient.status).lower()
    )


def _recipient_fits(selection: Selection, recipient: QueuedRecipient) -> bool:
    address, place = recipient.recipient.forward_path, recipient.place
    if selection.recipient is not None and not _matches(text_of(address), selection.recipient):
        return False
    if selection.domain is not None and address.domain.lower() != selection.domain.lower():
        return False
    if selection.destination is not None and place.destination != selection.destination:
        return False
    if selection.queue is not None and place.queue != selection.queue:
        return False
    return not selection.states or recipient.state in selection.states


def _sender_fits(pattern: str, sender: Address | None) -> bool:
    if pattern == "<>" or sender is None:
        return pattern == "<>" and sender is None
    return _matches(text_of(sender), pattern)


def text_of(address: Address) -> str:
    """An address as patterns are compared with it: without quoting."""
    return f"{address.local_part}@{address.domain}" if address.domain else address.local_part


def _matches(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.lower().replace("[", "[[]"))
