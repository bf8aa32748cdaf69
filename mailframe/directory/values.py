"""What a directory speaks of: accounts, what an address means, identities. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.message.address import Address
from mailframe.sasl.values import Claim


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
class Grant:
    """Somebody an account may send as, besides itself.

    Attributes:
        account: whose grant it is.
        subject: an address, or ``@`` and a domain for every address of that.
    """

    account: str
    subject: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a directory keeps to check passwords against.

    Attributes:
        account: whose it is.
        password_hash: ``{SCHEME}...`` as `mailframe.directory.passwords` reads it.
        keys: SCRAM keys of the same password, ``{SCHEME}...`` each, as `mailframe.directory.scram_keys` reads them.
    """

    account: Account
    password_hash: str
    keys: tuple[str, ...] = ()

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
        session_id: names the connection in the log.
    """

    authcid: str
    password: bytes
    authzid: str = ""
    peer: str = ""
    protocol: str = ""
    session_id: str = ""

    def __repr__(self) -> str:
        return f"Credentials(authcid={self.authcid!r}, authzid={self.authzid!r}, peer={self.peer!r})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a client proved itself with by a SASL mechanism other than with its password.

    Attributes:
        claim: a `Proof`, `Digest`, `Token` or `Certificate`.
        peer: the client's address, for limits on failed logins.
        protocol: ``smtp``, ``imap``, ``pop3``.
        session_id: names the connection in the log.
    """

    claim: Claim
    peer: str = ""
    protocol: str = ""
    session_id: str = ""
