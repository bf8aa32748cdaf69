"""What a directory speaks of: accounts, what an address means, identities. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from mailframe.message.address import Address
from mailframe.sasl.values import Claim


@dataclass(frozen=True, slots=True)
class Domain:
    """One of our domains.

    Attributes:
        name: A-labels in lower case.
        alias_of: another of our domains: every address here means the same local part there; "" for a domain of
            its own.
        catch_all: who gets mail for local parts that nobody has; nobody, where it is empty.
    """

    name: str
    alias_of: str = ""
    catch_all: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox owner.

    Attributes:
        name: the canonical address, ``alice@example.test``; names the account in the store.
        enabled: may log in and receive mail.
        quota: octets of storage, 0 for no limit.
        store: the name of the store that has the mail, as ``[stores.NAME]`` of the configuration calls it; "" where
            that follows from the account's name.
        forwards: where copies of its mail go.
        keeps_copy: does its mail come into its own mailbox even where it is forwarded?
        hold: why nobody may use the mailbox for now, such as ``moving to s2``: logins and deliveries are told to come
            again, sessions end; "" where all is well.
        hold_until: seconds since 1970 from which on the hold is over; 0 until somebody ends it. Whoever works on a
            mailbox renews it, and when that program dies the mailbox can be used again.
    """

    name: str
    enabled: bool = True
    quota: int = 0
    store: str = ""
    forwards: tuple[Address, ...] = ()
    keeps_copy: bool = True
    hold: str = ""
    hold_until: int = 0

    def is_held(self, now: float) -> bool:
        """May nobody use it now?

        Args:
            now: seconds since 1970.
        """
        return bool(self.hold) and not 0 < self.hold_until <= now


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
class AppPassword:
    """A password beside the account's own, for one program or device, that can be taken back by itself.

    Attributes:
        identifier: names it within the account; made by us, of letters and digits.
        label: what its owner calls it.
        password_hash: ``{SCHEME}...``; of a long random password, so a fast scheme does.
        scopes: the protocols it is good for: ``imap``, ``pop3``, ``smtp``, ``managesieve``; all, where it is empty.
        created: seconds since 1970.
        expires: seconds since 1970 from which on it lets nobody in; 0 for never.
    """

    identifier: str
    label: str
    password_hash: str
    scopes: tuple[str, ...] = ()
    created: int = 0
    expires: int = 0

    def __repr__(self) -> str:
        return f"AppPassword(identifier={self.identifier!r}, label={self.label!r}, scopes={self.scopes!r})"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a directory keeps to check passwords against.

    Attributes:
        account: whose it is.
        password_hash: ``{SCHEME}...`` as `mailframe.directory.passwords` reads it; "" where none lets in.
        keys: SCRAM keys of the same password, ``{SCHEME}...`` each, as `mailframe.directory.scram_keys` reads them.
        app_passwords: further passwords, by their identifiers in order.
    """

    account: Account
    password_hash: str
    keys: tuple[str, ...] = ()
    app_passwords: tuple[AppPassword, ...] = ()

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
        via: the address of who is in front and said that of the client; "" where nobody is.
    """

    authcid: str
    password: bytes
    authzid: str = ""
    peer: str = ""
    protocol: str = ""
    session_id: str = ""
    via: str = ""

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
        via: as of `Credentials`.
    """

    claim: Claim
    peer: str = ""
    protocol: str = ""
    session_id: str = ""
    via: str = ""
