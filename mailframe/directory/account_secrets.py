"""Which of an account's passwords could be meant by a login, and which of them it was.

The account's own comes with keys for SCRAM and is hashed dearly. App passwords are made by us, long and random, so
they are kept by a digest that costs nothing, are good for some protocols only, and can be taken back one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .passwords import BadHash, UnknownScheme, verify
from .values import Credential

Check = Callable[[bytes, str], bool]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a password is compared with.

    Attributes:
        own: the hash of the account's own password; "" where it has none.
        apps: identifiers and hashes of the app passwords that are good for this login.
    """

    own: str
    apps: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Secrets(apps={[identifier for identifier, _ in self.apps]!r})"


@dataclass(frozen=True, slots=True)
class Match:
    """What a password turned out to be.

    Attributes:
        right: it was one of them.
        app_password: the identifier of the app password it was; "" for the account's own.
    """

    right: bool
    app_password: str = ""


WRONG = Match(False)


def secrets_of(credential: Credential, protocol: str, now: float) -> Secrets:
    """What a login may be by.

    Args:
        protocol: as `Credentials.protocol` says it; an app password with scopes is good for those only.
        now: seconds since 1970.
    """
    apps = tuple(
        (one.identifier, one.password_hash)
        for one in credential.app_passwords
        if (not one.scopes or protocol in one.scopes) and not 0 < one.expires <= now
    )
    return Secrets(credential.password_hash, apps)


def match(password: bytes, secrets: Secrets, check: Check = verify) -> Match:
    """Find the password; never on the reactor's thread.

    A wrong password is compared with all of them, so that the time says nothing of which one was nearly right.

    Args:
        check: is a password that of a hash?

    Raises:
        UnknownScheme, BadHash: the account's own hash cannot be checked. An app password that cannot fits nothing.
    """
    for identifier, stored in secrets.apps:
        if _fits(password, stored, check):
            return Match(True, identifier)
    return Match(bool(secrets.own) and check(password, secrets.own))


def _fits(password: bytes, stored: str, check: Check) -> bool:
    try:
        return check(password, stored)
    except (BadHash, UnknownScheme):
        return False
