"""What administration of a directory refuses, worded the same by every backend."""

from __future__ import annotations

from mailframe.message.status import MailframeError, Status

UNKNOWN = Status((5, 1, 1), "No such entry in the directory", "NONEXISTENT")
TAKEN = Status((5, 1, 0), "The directory has this already", "ALREADYEXISTS")
IN_USE = Status((5, 3, 0), "This is still in use", "INUSE")
NO_TARGETS = Status((5, 1, 3), "An alias needs a target", "CANNOT")
NOT_OURS = Status((5, 1, 2), "This is not one of our domains", "NONEXISTENT")


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
