"""What administration of a directory refuses, worded the same by every backend."""

from __future__ import annotations

from mailframe.message.status import MailframeError, Status

from .entries import Key, Kind

UNKNOWN = Status((5, 1, 1), "No such entry in the directory", "NONEXISTENT")
TAKEN = Status((5, 1, 0), "The directory has this already", "ALREADYEXISTS")
IN_USE = Status((5, 3, 0), "This is still in use", "INUSE")
NO_TARGETS = Status((5, 1, 3), "An alias needs a target", "CANNOT")
NOT_OURS = Status((5, 1, 2), "This is not one of our domains", "NONEXISTENT")
CONFLICT = Status((5, 3, 0), "Somebody else changed this meanwhile; look again", "CONFLICT")
WRONG = Status((5, 3, 0), "This cannot be so in a directory", "CANNOT")
MISCONFIGURED = Status((4, 3, 5), "The address is not set up properly here; try again later")
"""For mail to an address that leads in circles or nowhere: our mistake, which somebody may put right."""


class RefusedEdit(MailframeError):
    """An edit of several cannot be done.

    Args:
        index: which one, from 0.
        refusal: why.

    Attributes:
        index: see above.
    """

    def __init__(self, index: int, refusal: MailframeError) -> None:
        super().__init__(refusal.status, refusal.reason)
        self.index = index


def no_such_domain(domain: str) -> MailframeError:
    """A domain that is to be removed or used is not there."""
    return MailframeError(NOT_OURS.with_text(f"{domain} is not one of our domains"))


def no_such_account(name: str) -> MailframeError:
    """An account that is to be changed is not there."""
    return MailframeError(UNKNOWN.with_text(f"there is no account {name}"))


def no_such_alias(name: str) -> MailframeError:
    """An alias that is to be removed is not there."""
    return MailframeError(UNKNOWN.with_text(f"there is no alias {name}"))


def no_such_grant(account: str, subject: str) -> MailframeError:
    """A grant that is to be taken back is not there."""
    return MailframeError(UNKNOWN.with_text(f"{account} has no grant for {subject}"))


def no_such(key: Key) -> MailframeError:
    """An entry that is to be removed is not there."""
    if key.kind is Kind.DOMAIN:
        return no_such_domain(key.name)
    if key.kind is Kind.GRANT:
        account, _, subject = key.name.partition(" ")
        return no_such_grant(account, subject)
    return no_such_account(key.name) if key.kind is Kind.ACCOUNT else no_such_alias(key.name)


def taken(key: Key) -> MailframeError:
    """An entry that is to be new, or stands in the way of a new one, is there."""
    if key.kind is Kind.ACCOUNT:
        return taken_by_account(key.name)
    if key.kind is Kind.ALIAS:
        return taken_by_alias(key.name)
    return MailframeError(TAKEN.with_text(f"the {key.kind} {key.name} is there already"))


def taken_by_account(name: str) -> MailframeError:
    """The address is an account already."""
    return MailframeError(TAKEN.with_text(f"{name} is an account already"))


def taken_by_alias(name: str) -> MailframeError:
    """The address is an alias already."""
    return MailframeError(TAKEN.with_text(f"{name} is an alias already"))


def domain_in_use(domain: str) -> MailframeError:
    """Accounts or aliases are in the domain."""
    return MailframeError(IN_USE.with_text(f"{domain} has accounts or aliases; remove them first"))


def no_targets(name: str) -> MailframeError:
    """An alias that stands for nothing would swallow mail."""
    return MailframeError(NO_TARGETS.with_text(f"the alias {name} needs at least one target"))


HELD = Status(
    (4, 2, 1), "The mailbox cannot be used for a moment; try again shortly", "UNAVAILABLE", reply_code=451
)


def held(hold: str) -> MailframeError:
    """Somebody works on the mailbox."""
    return MailframeError(HELD, f"the mailbox is held: {hold}")
