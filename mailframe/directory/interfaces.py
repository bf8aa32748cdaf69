"""What a directory promises: lookups, authentication, and (where it can) administration.

«Cannot look up» is temporary and raised as `MailframeError`; «no such» is an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailframe.message.address import Address

from .values import Account, Alias, Credential, Credentials, Identity


class IDirectory(Interface):
    """Answers what an address is. Domains arrive in lower case; local parts compare in lower case."""

    def is_local(domain: str) -> Awaitable[bool]:
        """Is this one of our domains?

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def lookup(address: Address) -> Awaitable[Account | Alias | None]:
        """What exactly this address is (no subaddress, no catch-all: routing asks for those); None for unknown.

        Raises:
            MailframeError: temporary, when the directory cannot be asked.
        """

    def account(name: str) -> Awaitable[Account | None]:
        """The account of this canonical name."""


class ICredentialSource(Interface):
    """Gives out what passwords are checked against; for `mailframe.directory.authenticator`."""

    def credential(name: str) -> Awaitable[Credential | None]:
        """The account of this name with its password's hash; None for unknown.

        Args:
            name: as a client gave it; compared as addresses are.

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

    def add_account(name: str, password_hash: str, quota: int = 0) -> None:
        """Add an account; its domain must be there.

        Args:
            password_hash: as `mailframe.directory.passwords` writes it, ``{SCHEME}...``.

        Raises:
            MailframeError: the address is taken, is no address, or its domain is not ours.
        """

    def set_password(name: str, password_hash: str) -> None:
        """Replace a password.

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
