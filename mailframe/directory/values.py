"""What a directory speaks of: accounts, what an address means, identities. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.message.address import Address


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox owner.

    Attributes:
        name: the canonical address, ``alice@example.test``; names the account in the store.
        enabled: may log in and receive mail.
        quota: octets of storage, 0 for no limit.
    """

    name: str
    enabled: bool = True
    quota: int = 0


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that stands for others.

    Attributes:
        targets: what it expands to, in the order they were given; one level, further aliases are looked up
            again.
    """

    address: Address
    targets: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a directory keeps to check passwords against.

    Attributes:
        account: whose it is.
        password_hash: ``{SCHEME}...`` as `mailframe.directory.passwords` reads it.
    """

    account: Account
    password_hash: str

    def __repr__(self) -> str:
        return f"Credential(account={self.account!r})"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in.

    Attributes:
        account: whose mail it is (the authorization identity).
        authcid: whose password it was (RFC 4422); the account's own name but for a master login.
    """

    account: Account
    authcid: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client proved itself with: a password (RFC 4616 terms).

    Attributes:
        authcid: whose password it is.
        password: the password as octets, UTF-8.
        authzid: whom it wants to be; "" for itself.
        peer: the client's address, for limits on failed logins.
        protocol: ``smtp``, ``imap``, ``pop3``.
    """

    authcid: str
    password: bytes
    authzid: str = ""
    peer: str = ""
    protocol: str = ""

    def __repr__(self) -> str:
        return f"Credentials(authcid={self.authcid!r}, authzid={self.authzid!r}, peer={self.peer!r})"
