"""For tests of what uses a directory, and of directories: a fake authenticator and the contract suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.directory.interfaces import (
    IAuthenticator,
    ICredentialSource,
    IDirectory,
    IDirectoryAdmin,
    IKeepKeys,
)
from mailframe.directory.values import Account, Alias, Credential, Credentials, Identity
from mailframe.message.address import Address
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError

ALICE = Address("alice", "example.test")
HASH = "{PLAIN}geheim"
KEYS = "{SCRAM-SHA-256}4096,c2FsdA==,c3RvcmVk,c2VydmVy"
OTHER_KEYS = "{SCRAM-SHA-1}4096,c2FsdA==,c3RvcmVk,c2VydmVy"


@implementer(IAuthenticator)
class FakeAuthenticator:
    """Accepts the passwords it was told; answers at once.

    Args:
        passwords: account name to password in clear.

    Attributes:
        seen: the credentials it was asked about, in order.
        error: raised instead of an answer, when set.
    """

    def __init__(self, passwords: Mapping[str, bytes | str]) -> None:
        self._passwords = {
            name: password.encode("utf-8") if isinstance(password, str) else password
            for name, password in passwords.items()
        }
        self.seen: list[Credentials] = []
        self.error: MailframeError | None = None

    async def authenticate(self, credentials: Credentials) -> Identity:
        """Is it the password it was told?"""
        self.seen.append(credentials)
        if self.error is not None:
            raise self.error
        name = credentials.authcid
        if credentials.authzid not in ("", name) or self._passwords.get(name) != credentials.password:
            raise MailframeError(CREDENTIALS_INVALID)
        return Identity(Account(name), name)


class KeepKeysContract:
    """What every directory must pass that takes SCRAM keys from a service (`IKeepKeys`); mixed with the one below.

    The directory is the one that `DirectoryContract.make_directory` makes.
    """

    async def test_keep_keys(self: Any) -> None:
        """Keys are kept beside the hash they belong to, in place of those of before."""
        directory = await self.filled()
        self.assertTrue(verifyObject(IKeepKeys, directory))
        self.assertTrue(await directory.keep_keys("Alice@example.test", HASH, [KEYS, OTHER_KEYS]))
        found = await directory.credential("alice@example.test")
        self.assertEqual((HASH, {KEYS, OTHER_KEYS}), (found.password_hash, set(found.keys)))
        self.assertTrue(await directory.keep_keys("alice@example.test", HASH, [KEYS]))
        self.assertEqual((KEYS,), (await directory.credential("alice@example.test")).keys)
        self.assertEqual((), (await directory.credential("bob@example.test")).keys)

    async def test_keep_keys_of_an_old_password(self: Any) -> None:
        """They are not kept beside another hash, nor for an account that is gone; the ones there stay."""
        directory = await self.filled()
        directory.set_password("alice@example.test", "{PLAIN}other", [KEYS])
        self.assertFalse(await directory.keep_keys("alice@example.test", HASH, [OTHER_KEYS]))
        found = await directory.credential("alice@example.test")
        self.assertEqual(("{PLAIN}other", (KEYS,)), (found.password_hash, found.keys))
        for name in ("nobody@example.test", "info@example.test", "", "\ud800@example.test"):
            self.assertFalse(await directory.keep_keys(name, HASH, [KEYS]))

    async def test_keep_no_keys(self: Any) -> None:
        """What are no keys is refused."""
        directory = await self.filled()
        for keys in ([HASH], ["{SCRAM-SHA-256}x"], [KEYS, KEYS], ["geheim"]):
            try:
                await directory.keep_keys("alice@example.test", HASH, keys)
            except MailframeError as error:
                self.assertEqual("CANNOT", error.status.word)
            else:
                self.fail(keys)


class DirectoryContract:
    """What every directory that keeps its own data must pass; mix with ``twisted.trial.unittest.TestCase``.

    A backend's test overrides `make_directory`.
    """

    async def make_directory(self) -> Any:
        """An empty directory that has been started; closing it is the test's business."""
        raise NotImplementedError

    async def filled(self) -> Any:
        """A directory with one domain, two accounts and one alias."""
        directory = await self.make_directory()
        directory.add_domain("example.test")
        directory.add_account("alice@example.test", HASH)
        directory.add_account("bob@example.test", HASH, quota=5000)
        directory.set_alias(Address("info", "example.test"), [ALICE, Address("carol", "example.org")])
        return directory

    async def test_interfaces(self: Any) -> None:
        """It provides what it promises."""
        directory = await self.make_directory()
        for interface in (IDirectory, IDirectoryAdmin, ICredentialSource):
            self.assertTrue(verifyObject(interface, directory))

    async def test_domains(self: Any) -> None:
        """Domains compare in any case, and adding one twice is fine."""
        directory = await self.make_directory()
        directory.add_domain("Example.TEST.")
        directory.add_domain("example.test")
        directory.add_domain("bücher.test")
        self.assertEqual(["example.test", "xn--bcher-kva.test"], list(directory.domains()))
        self.assertTrue(await directory.is_local("example.test"))
        self.assertTrue(await directory.is_local("EXAMPLE.test"))
        self.assertTrue(await directory.is_local("bücher.test"))
        self.assertFalse(await directory.is_local("sub.example.test"))

    async def test_lookup(self: Any) -> None:
        """An address is an account, an alias or unknown; local parts compare in any case."""
        directory = await self.filled()
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))
        self.assertEqual(
            Account("bob@example.test", quota=5000), await directory.lookup(Address("Bob", "example.test"))
        )
        alias = await directory.lookup(Address("INFO", "example.test"))
        self.assertEqual(
            Alias(Address("info", "example.test"), (ALICE, Address("carol", "example.org"))), alias
        )
        self.assertIsNone(await directory.lookup(Address("alice+tag", "example.test")))
        self.assertIsNone(await directory.lookup(Address("alice", "example.org")))

    async def test_odd_addresses_are_unknown(self: Any) -> None:
        """Whatever a stranger asks for is looked up or unknown, never an error."""
        directory = await self.filled()
        for local_part in ("", "a@b", "a b", "a/b", "x" * 10000, "%", "*", "'; --", "\u202e", "é" * 99):
            self.assertIsNone(await directory.lookup(Address(local_part, "example.test")), local_part)
        for domain in ("", "[192.0.2.1]", "..", "xn--\xff", "é" * 300):
            self.assertFalse(await directory.is_local(domain), domain)
            self.assertIsNone(await directory.lookup(Address("alice", domain)), domain)
        for name in ("", "alice", "@", "alice@", "\0@example.test", "\ud800@example.test", "a@\ud800"):
            self.assertIsNone(await directory.account(name))
            self.assertIsNone(await directory.credential(name))

    async def test_accounts(self: Any) -> None:
        """Accounts are found by name, listed sorted, and an alias is none."""
        directory = await self.filled()
        directory.add_domain("example.org")
        directory.add_account("Zoë@Example.ORG", HASH)
        names = [account.name for account in directory.accounts()]
        self.assertEqual(["alice@example.test", "bob@example.test", "zoë@example.org"], names)
        self.assertEqual(["zoë@example.org"], [a.name for a in directory.accounts("EXAMPLE.org")])
        self.assertEqual(Account("alice@example.test"), await directory.account("Alice@example.test"))
        self.assertIsNone(await directory.account("info@example.test"))

    async def test_credential(self: Any) -> None:
        """What a password is checked against comes with the account."""
        directory = await self.filled()
        found = await directory.credential("ALICE@example.test")
        self.assertEqual(Credential(Account("alice@example.test"), HASH), found)
        self.assertNotIn("geheim", repr(found))
        self.assertIsNone(await directory.credential("nobody@example.test"))

    async def test_keys(self: Any) -> None:
        """SCRAM keys lie beside the hash of the same password, and go when it goes."""
        directory = await self.filled()
        directory.add_account("carol@example.test", HASH, keys=[KEYS])
        found = await directory.credential("carol@example.test")
        self.assertEqual(Credential(Account("carol@example.test"), HASH, (KEYS,)), found)
        self.assertNotIn("c2FsdA", repr(found))
        self.assertEqual(
            {
                "alice@example.test": ("PLAIN",),
                "bob@example.test": ("PLAIN",),
                "carol@example.test": ("PLAIN", "SCRAM-SHA-256"),
            },
            {name: tuple(schemes) for name, schemes in directory.schemes("Example.test").items()},
        )
        directory.set_password("Carol@example.test", "{PLAIN}other")
        self.assertEqual((), (await directory.credential("carol@example.test")).keys)
        directory.set_password("carol@example.test", "{PLAIN}other", [KEYS])
        self.assertEqual((KEYS,), (await directory.credential("carol@example.test")).keys)
        directory.remove_account("carol@example.test")
        directory.add_account("carol@example.test", HASH)
        self.assertEqual((), (await directory.credential("carol@example.test")).keys)
        for keys in ([HASH], ["{SCRAM-SHA-256}x"], [KEYS, KEYS], ["geheim"]):
            self.refused("CANNOT", directory.set_password, "alice@example.test", HASH, keys)

    async def test_changes(self: Any) -> None:
        """A password, a quota, and whether an account is let in can be changed."""
        directory = await self.filled()
        directory.set_password("alice@example.test", "{PLAIN}other")
        directory.set_quota("alice@example.test", 77)
        directory.set_enabled("Alice@example.test", False)
        found = await directory.credential("alice@example.test")
        self.assertEqual(Credential(Account("alice@example.test", False, 77), "{PLAIN}other"), found)
        directory.set_enabled("alice@example.test", True)
        self.assertTrue((await directory.credential("alice@example.test")).account.enabled)

    async def test_removing(self: Any) -> None:
        """What was removed is unknown; a domain goes last."""
        directory = await self.filled()
        self.refused("INUSE", directory.remove_domain, "example.test")
        directory.remove_account("alice@example.test")
        directory.remove_account("bob@example.test")
        self.refused("INUSE", directory.remove_domain, "example.test")
        directory.remove_alias(Address("Info", "example.test"))
        directory.remove_domain("EXAMPLE.test")
        self.assertEqual([], list(directory.domains()))
        self.assertEqual([], list(directory.accounts()))
        self.assertEqual([], list(directory.aliases()))

    async def test_unknown_is_refused(self: Any) -> None:
        """What is not there cannot be changed or removed."""
        directory = await self.filled()
        nobody = "nobody@example.test"
        for method, arguments in [
            (directory.remove_domain, ("example.org",)),
            (directory.set_password, (nobody, HASH)),
            (directory.set_enabled, (nobody, False)),
            (directory.set_quota, (nobody, 5)),
            (directory.remove_account, (nobody,)),
            (directory.remove_alias, (ALICE,)),
            (directory.add_account, ("alice@example.org", HASH)),
            (directory.set_alias, (Address("a", "example.org"), [ALICE])),
        ]:
            self.refused("NONEXISTENT", method, *arguments)

    async def test_taken_is_refused(self: Any) -> None:
        """An address is an account or an alias, never both, and an account is not added twice."""
        directory = await self.filled()
        self.refused("ALREADYEXISTS", directory.add_account, "Alice@example.test", HASH)
        self.refused("ALREADYEXISTS", directory.add_account, "info@example.test", HASH)
        self.refused("ALREADYEXISTS", directory.set_alias, ALICE, [Address("bob", "example.test")])
        self.assertEqual(Account("alice@example.test"), await directory.lookup(ALICE))

    async def test_bad_names_are_refused(self: Any) -> None:
        """Names that are no address, could leave a directory, or are no domain are not added."""
        directory = await self.filled()
        for name in ("", "alice", "@example.test", "a/b@example.test", "..@example.test", "a b@example.test"):
            self.refused("CANNOT", directory.add_account, name, HASH)
        for name in ("../x@example.test", "a\0b@example.test", "x" * 65 + "@example.test", ".a@example.test"):
            self.refused("CANNOT", directory.add_account, name, HASH)
        for domain in ("", "-a.test", "a..test", "a b.test", "a/b", "x" * 64 + ".test", "[192.0.2.1]"):
            self.refused("CANNOT", directory.add_domain, domain)
        self.refused("CANNOT", directory.set_alias, Address("a/b", "example.test"), [ALICE])
        self.refused("CANNOT", directory.set_alias, Address("a", "example.test"), [])
        self.refused("CANNOT", directory.add_account, "carol@example.test", "geheim")
        self.refused("CANNOT", directory.add_account, "carol@example.test", HASH, -1)
        self.refused("CANNOT", directory.set_password, "alice@example.test", "{NOSUCH}x")

    async def test_aliases(self: Any) -> None:
        """An alias is replaced as a whole and keeps the order of its targets."""
        directory = await self.filled()
        bob = Address("bob", "example.test")
        directory.set_alias(Address("Info", "example.test"), [bob, ALICE])
        self.assertEqual([Alias(Address("info", "example.test"), (bob, ALICE))], list(directory.aliases()))
        self.assertEqual([], list(directory.aliases("example.org")))
        self.assertEqual(1, len(directory.aliases("Example.test")))

    async def test_international_domains(self: Any) -> None:
        """Domains with letters of other scripts have accounts and aliases, by either spelling of their names."""
        directory = await self.filled()
        directory.add_domain("bücher.test")
        directory.add_account("käthe@bücher.test", HASH)
        info = Alias(Address("info", "bücher.test"), (ALICE,))
        directory.set_alias(info.address, info.targets)
        for domain in ("bücher.test", "xn--bcher-kva.test"):
            self.assertEqual(
                Account("käthe@xn--bcher-kva.test"), await directory.lookup(Address("käthe", domain))
            )
            self.assertEqual(info, await directory.lookup(Address("info", domain)))
            self.assertEqual([info], list(directory.aliases(domain)))
            self.assertEqual(1, len(directory.accounts(domain)))
        self.refused("ALREADYEXISTS", directory.add_account, "info@bücher.test", HASH)
        self.refused("INUSE", directory.remove_domain, "bücher.test")
        directory.remove_alias(info.address)
        directory.remove_account("käthe@bücher.test")
        directory.remove_domain("bücher.test")

    async def test_stops_twice(self: Any) -> None:
        """Stopping what is stopped does nothing."""
        directory = await self.make_directory()
        await directory.stop()
        await directory.stop()

    def refused(self: Any, word: str, method: Callable[..., object], *arguments: object) -> None:
        """A call must be refused for good with this word."""
        error = self.assertRaises(MailframeError, method, *arguments)
        self.assertTrue(error.status.permanent)
        self.assertEqual(word, error.status.word, arguments)
