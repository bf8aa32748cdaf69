"""What a store says when it refuses: one `Status` for each word of the contract, the same in every backend."""

from __future__ import annotations

from mailframe.message.status import NO_SUCH_MAILBOX, MailframeError, Status

NONEXISTENT = NO_SUCH_MAILBOX
TRYCREATE = Status((5, 1, 1), "No such mailbox; it can be created", "TRYCREATE")
ALREADYEXISTS = Status((5, 2, 0), "A mailbox of this name exists already", "ALREADYEXISTS")
OCCUPIED = Status((5, 2, 0), "This mailbox has messages and another UIDVALIDITY", "ALREADYEXISTS")
CANNOT = Status((5, 1, 3), "This mailbox name is not allowed", "CANNOT")
INBOX_STAYS = Status((5, 2, 0), "INBOX cannot be deleted", "CANNOT")
UNDER_ITSELF = Status((5, 2, 0), "A mailbox cannot be renamed to one of its own inferiors", "CANNOT")
USEATTR = Status((5, 2, 0), "No mailbox can be made for this special use", "USEATTR")
TOO_MANY_MAILBOXES = Status((5, 2, 0), "There are too many mailboxes already", "LIMIT")
TOO_MANY_KEYWORDS = Status((5, 2, 0), "There are too many keywords in this mailbox", "LIMIT")
NOPERM = Status((5, 7, 1), "The mailbox is open for reading only", "NOPERM")
ABOVE_QUOTA = Status((5, 7, 1), "The administrator allows less", "NOPERM")
NOT_ALLOWED = Status((5, 7, 1), "You have no right to do this", "NOPERM")


def refuse(status: Status, reason: str = "") -> MailframeError:
    """The exception for a refusal: ``raise refuse(NONEXISTENT)``.

    Args:
        status: one of this module's.
        reason: for the log; the public text where it is empty.
    """
    return MailframeError(status, reason)
