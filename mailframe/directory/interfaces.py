"""What a directory promises: lookups, authentication, and (where it can) administration.

«Cannot look up» is temporary and raised as `MailframeError`; «no such» is an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence

from zope.interface import Attribute, Interface

from mailframe.message.address import Address
from mailframe.sasl.scram import Keys

from .values import Account, Alias, Credential, Credentials, Domain, Evidence, Grant, Identity


class IDirectory(Interface):
    """Answers what an address is. Domains arrive in lower case; local parts compare in lower case."""

    def is_local(domain: str) -> Awaitable[bool]:
        """Is this one of our domains?

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def domain(name: str) -> Awaitable[Domain | None]:
        """What is known of one of our domains; None where it is not ours.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def lookup(address: Address) -> Awaitable[Account | Alias | None]:
        """What exactly this address is (no subaddress, no catch-all: routing asks for those); None for unknown.

        Addresses of an alias domain are unknown here: `mailframe.directory.alias_domains` asks for what they mean.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def account(name: str) -> Awaitable[Account | None]:
        """The account of this canonical name.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class ISenderRights(Interface):
    """Answers who may send as whom; what a submission service asks about each sender address."""

    def may_send_as(account: str, address: Address) -> Awaitable[bool]:
        """Does this address belong to this account?

        Its own address does, aliases and subaddresses that lead to it, and what was granted to it. Nothing belongs to
        an account that is unknown or not enabled.

        Args:
            account: canonical name of an account that logged in.
            address: a reverse-path, or an address of From or Sender; any domain.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class ISenderGrants(Interface):
    """What a directory knows of grants; `mailframe.directory.rights` adds what follows from accounts and aliases."""

    def granted(account: str, address: Address) -> Awaitable[bool]:
        """Was this very address, or its whole domain, granted to this account?

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class ICredentialSource(Interface):
    """Gives out what passwords are checked against; for `mailframe.directory.authenticator`."""

    def credential(name: str) -> Awaitable[Credential | None]:
        """The account of this name with its password's hash; None for unknown.

        Args:
            name: as a client gave it; compared as addresses are.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class INameAccounts(Interface):
    """A directory whose accounts log in by several names; an optional capability of an `ICredentialSource`.

    What is counted, waited for and shown by a login's name is by this one, so that a second name is neither another
    try, nor tells by its difference whether there is an account.
    """

    def canonical(name: str) -> Awaitable[str]:
        """The name an account would have, whether there is one or not.

        Args:
            name: as `mailframe.directory.names.comparable_name` gives it.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class IKeepKeys(Interface):
    """A directory that takes SCRAM keys from a service; an optional capability of an `ICredentialSource`.

    With it, accounts whose password is kept as a hash only get keys when they log in by it.
    """

    def keep_keys(name: str, password_hash: str, keys: Sequence[str]) -> Awaitable[bool]:
        """Keep keys beside a hash, in place of those that are there.

        Only while the hash is still the one the password was checked against: whoever logs in with an old password
        while it is being changed must not leave keys of it behind. Comparing and keeping are one step.

        Args:
            name: the account's.
            password_hash: the one that `ICredentialSource.credential` gave.
            keys: as `mailframe.directory.scram_keys` writes them, one of a scheme.

        Returns:
            False: the account is gone, or its password another; nothing was kept.

        Raises:
            MailframeError: temporary, when nothing can be kept; or the keys are none.
        """


class IKeepHash(Interface):
    """A directory that takes a better hash of a password from a service; an optional capability as `IKeepKeys`."""

    def keep_hash(name: str, password_hash: str, new_hash: str) -> Awaitable[bool]:
        """Keep another hash of the same password. Its keys stay.

        Args:
            name: the account's.
            password_hash: the one that `ICredentialSource.credential` gave; comparing and keeping are one step.
            new_hash: as `mailframe.directory.passwords` writes it.

        Returns:
            False: the account is gone, or its password another; nothing was kept.

        Raises:
            MailframeError: temporary, when nothing can be kept; or the hash is none.
        """


class IVerifyPasswords(Interface):
    """A directory that says itself whether a password is right; an optional capability of an `ICredentialSource`.

    It is asked where a credential has no hash. Such accounts can log in by their password only, not by SCRAM.
    """

    def verify(name: str, password: bytes) -> Awaitable[bool]:
        """Is this the password of this account?

        Takes as long for a name that nobody has as for one that somebody has.

        Args:
            name: as a client gave it; there may be no such account.
            password: in UTF-8.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """


class IAuthenticator(Interface):
    """Answers whether credentials are right; never hashes on the reactor's thread."""

    def authenticate(credentials: Credentials) -> Awaitable[Identity]:
        """Check a password.

        Takes the same time for unknown users as for wrong passwords, and delays after failures.

        Raises:
            MailframeError: `CREDENTIALS_INVALID` (5.7.8), or temporary when it cannot be checked.
        """


class ISASLAuthenticator(IAuthenticator):
    """An authenticator that knows more than passwords. Without this, logins are by PLAIN and LOGIN only."""

    oauth_hints = Attribute(
        'Members of the JSON object that a refused OAuth client gets, ``b\',"scope":"mail"\'``, or no octets.'
    )

    def mechanisms() -> Collection[str]:
        """The SASL mechanisms it can serve, by the names of `mailframe.sasl.server.ORDER` without ``-PLUS``.

        Only what can succeed: clients that are offered a mechanism often try no other one.
        """

    def keys(authcid: str, mechanism: str, peer: str = "", session_id: str = "") -> Awaitable[Keys]:
        """The SCRAM keys of a user, on the way to `judge`.

        Where there are none, the answer is keys that fit no password; they look like others, come in the same time,
        and are the same each time, so that nobody learns who has an account. Anybody may ask as often as he likes and
        never call `judge`: whoever pays for the answer delays those who do.

        Args:
            authcid: as the client wrote it.
            mechanism: ``SCRAM-SHA-256`` or ``SCRAM-SHA-1``.
            peer: the client's address, for limits on questions without a proof.
            session_id: for the log.

        Raises:
            MailframeError: temporary, when they cannot be had.
        """

    def judge(evidence: Evidence) -> Awaitable[Identity]:
        """Decide on what a client proved itself with; failures delay the next attempt as those of passwords do.

        Raises:
            MailframeError: `CREDENTIALS_INVALID` (5.7.8), or temporary when it cannot be checked.
        """


class ITokens(Interface):
    """Knows OAuth 2.0 access tokens."""

    hints = Attribute("As `ISASLAuthenticator.oauth_hints`.")

    def start() -> Awaitable[None]:
        """Make ready; may be called again after `stop`."""

    def stop() -> Awaitable[None]:
        """Close what is open."""

    def account(token: str) -> Awaitable[str]:
        """The name of the account that this token lets in, as the token says it: whether there is one is not known.

        Args:
            token: as a client sent it (RFC 6750 section 2.1); perhaps "".

        Raises:
            MailframeError: `CREDENTIALS_INVALID` for a token that lets nobody in; temporary, when that cannot be
                found out.
        """


class IDirectoryAdmin(Interface):
    """What ``mailframe account``, `alias` and `domain` need of a directory that keeps its own data.

    These methods block: they are called by commands, not by services. Each is durable when it returns.
    """

    def domains() -> Sequence[str]:
        """All local domains, sorted."""

    def add_domain(domain: str) -> None:
        """Add a domain; one that is there already is fine."""

    def remove_domain(domain: str) -> None:
        """Remove a domain.

        Raises:
            MailframeError: while accounts or aliases are in it, or when it is unknown.
        """

    def accounts(domain: str | None = None) -> Sequence[Account]:
        """All accounts, sorted by name, in one domain where given."""

    def schemes(domain: str | None = None) -> Mapping[str, Sequence[str]]:
        """In which schemes passwords are kept, by account, sorted by name; no secrets.

        Returns:
            ``("ARGON2ID", "SCRAM-SHA-256")``: the hash's scheme, then those of the keys.
        """

    def add_account(name: str, password_hash: str, quota: int = 0, keys: Sequence[str] = ()) -> None:
        """Add an account; its domain must be there.

        Args:
            password_hash: as `mailframe.directory.passwords` writes it, ``{SCHEME}...``.
            keys: SCRAM keys of the same password, as `mailframe.directory.scram_keys` writes them.

        Raises:
            MailframeError: the address is taken, is no address, or its domain is not ours.
        """

    def set_password(name: str, password_hash: str, keys: Sequence[str] = ()) -> None:
        """Replace a password; keys of the old one are gone with it.

        Raises:
            MailframeError: no such account.
        """

    def set_enabled(name: str, enabled: bool) -> None:
        """Let an account log in and receive mail, or not; its mail stays.

        Raises:
            MailframeError: no such account.
        """

    def set_quota(name: str, quota: int) -> None:
        """Change how many octets an account may store, 0 for no limit.

        Raises:
            MailframeError: no such account.
        """

    def remove_account(name: str) -> None:
        """Remove an account; its mail stays in the store until that is told.

        Raises:
            MailframeError: no such account.
        """

    def aliases(domain: str | None = None) -> Sequence[Alias]:
        """All aliases, sorted by address."""

    def set_alias(address: Address, targets: Sequence[Address]) -> None:
        """Make an address stand for others, replacing what it stood for.

        Raises:
            MailframeError: the address is an account or no address, its domain is not ours, or there is no
                target.
        """

    def remove_alias(address: Address) -> None:
        """Remove an alias.

        Raises:
            MailframeError: no such alias.
        """


class IGrantAdmin(Interface):
    """What ``mailframe account grant`` and its like need of a directory.

    These methods block, like those of `IDirectoryAdmin`; each change is durable when it returns.
    """

    def grants(account: str | None = None) -> Sequence[Grant]:
        """All grants, sorted by account and subject, of one account where given."""

    def grant(account: str, subject: str) -> None:
        """Let an account send as somebody; what it may already is fine.

        Args:
            subject: an address, or ``@`` and a domain for all of its addresses; it need not be ours.

        Raises:
            MailframeError: no such account, or no such thing as this subject.
        """

    def revoke(account: str, subject: str) -> None:
        """Take a grant back.

        Raises:
            MailframeError: there is none.
        """
