"""Tests of the directory in an LDAP server, against a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import trustme
from twisted.internet import defer, reactor
from twisted.trial import unittest
from zope.interface.verify import verifyObject

from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.interfaces import ICredentialSource, IDirectory
from mailframe.directory.ldap.connections import Found
from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.options import LDAPOptions
from mailframe.directory.ldap.presets import attributes_of
from mailframe.directory.options import PasswordOptions
from mailframe.directory.values import Account, Alias, Credential, Credentials
from mailframe.message.address import Address
from mailframe.message.status import MailframeError
from tests.slapd import ABSENT, BASE, NAME, PASSWORD, Slapd

ALICE = Address("alice", "example.test")
ENTRIES = """dn: uid=alice,dc=example,dc=test
objectClass: inetOrgPerson
objectClass: inetLocalMailRecipient
uid: alice
cn: Alice
sn: A
mail: alice@example.test
mailLocalAddress: info@example.test
mailHost: s1
userPassword: geheim

dn: uid=bob,dc=example,dc=test
objectClass: inetOrgPerson
objectClass: inetLocalMailRecipient
uid: bob
cn: Bob
sn: B
mail: bob@example.test
mailRoutingAddress: bob@example.org
userPassword: {SSHA}ck5xRzuqkg8zZdr1VlJUeHsSzFQ0UmtW

dn: uid=carol,dc=example,dc=test
objectClass: account
objectClass: posixAccount
uid: carol
cn: Carol
uidNumber: 1000
gidNumber: 1000
homeDirectory: /home/carol

dn: cn=all,dc=example,dc=test
objectClass: groupOfNames
objectClass: inetLocalMailRecipient
cn: all
mailLocalAddress: all@example.test
member: uid=alice,dc=example,dc=test
member: uid=bob,dc=example,dc=test
member: uid=gone,dc=example,dc=test
"""


def options(*servers: str, **others: Any) -> LDAPOptions:
    """Of a directory in these servers."""
    return attrs.evolve(
        LDAPOptions(
            servers, BASE, NAME, PASSWORD, domains=("example.test",), group_attribute="mailLocalAddress"
        ),
        **others,
    )


class OptionTests(unittest.SynchronousTestCase):
    """What cannot be safe is not begun."""

    def test_in_clear(self) -> None:
        """Passwords do not leave this machine in clear, nor to somebody unknown."""
        for url, others in [
            ("ldap://192.0.2.1", {}),
            ("ldap://ldap.example.test", {"start_tls": True, "verify": False}),
            ("ldaps://ldap.example.test", {"verify": False}),
            ("http://127.0.0.1", {}),
            ("127.0.0.1", {}),
            ("ldap://127.0.0.1", {"bind_password": ""}),
        ]:
            self.assertRaises(ValueError, LDAPDirectory, options(url, **others), reactor)
        self.assertRaises(ValueError, LDAPDirectory, options(), reactor)
        LDAPDirectory(
            options("ldaps://ldap.example.test", "ldap://127.0.0.1", "ldapi://%2Frun%2Fldapi"), reactor
        )


class PresetTests(unittest.SynchronousTestCase):
    """What attributes mean."""

    def test_qmail(self) -> None:
        """Of qmail-ldap: quota, store, forwards, whether a copy is kept, and whether the account is shut."""
        directory = LDAPDirectory(options("ldap://127.0.0.1", preset="qmail"), reactor)
        values = {
            "mail": [b"alice@example.test"],
            "mailquotasize": [b"5000"],
            "mailhost": [b"s2"],
            "mailforwardingaddress": [b"alice@example.org"],
            "deliverymode": [b"nolocal"],
            "accountstatus": [b"disabled"],
        }
        account = Account("alice@example.test", False, 5000, "s2", (Address("alice", "example.org"),), False)
        self.assertEqual(Credential(account, ""), directory._reading.credential(Found("", values)))
        del values["deliverymode"], values["accountstatus"]
        kept = directory._reading.credential(Found("", values)).account
        self.assertTrue(kept.enabled and kept.keeps_copy)

    def test_set_by_itself(self) -> None:
        """Each attribute of a preset can be another one, or none."""
        found = attributes_of(options("ldap://127.0.0.1", name_attribute="uid", store_attribute=""))
        self.assertEqual(
            ("uid", "", "mailLocalAddress"),
            (found.name_attribute, found.store_attribute, found.alias_attribute),
        )


class LDAPDirectoryTests(unittest.TestCase):
    """A server with people and a group."""

    if ABSENT:
        skip = ABSENT

    def slapd(self) -> Slapd:
        """A server that runs."""
        server = Slapd(ENTRIES)
        self.addCleanup(server.remove)
        server.start()
        return server

    async def directory(self, *servers: str, **others: Any) -> LDAPDirectory:
        """A directory that was started."""
        directory = LDAPDirectory(options(*servers, **others), reactor)
        await directory.start()
        self.addCleanup(lambda: defer.Deferred.fromCoroutine(directory.stop()))
        return directory

    async def test_lookups(self) -> None:
        """Accounts, further addresses and groups are found; what is not there is unknown."""
        server = self.slapd()
        directory = await self.directory(server.ldapi, domain_attribute="associatedDomain")
        self.assertTrue(verifyObject(IDirectory, directory))
        self.assertTrue(verifyObject(ICredentialSource, directory))
        self.assertEqual(
            [True, True, False, False],
            [await directory.is_local(each) for each in ("Example.TEST", "example.net", "example.org", "*")],
        )
        alice = Account("alice@example.test", store="s1")
        bob = Account("bob@example.test", forwards=(Address("bob", "example.org"),), keeps_copy=False)
        self.assertEqual(alice, await directory.lookup(Address("Alice", "example.test")))
        self.assertEqual(bob, await directory.account("BOB@example.test"))
        info = Address("info", "example.test")
        self.assertEqual(Alias(info, (ALICE,)), await directory.lookup(info))
        everyone = Address("all", "example.test")
        self.assertEqual(
            Alias(everyone, (ALICE, Address("bob", "example.test"))), await directory.lookup(everyone)
        )
        for local_part in ("nobody", "*", "a*", "alice)(uid=*", "", "\u202e", "x" * 1000, "a b"):
            self.assertIsNone(await directory.lookup(Address(local_part, "example.test")), local_part)
        for name in ("", "alice", "@", "\ud800@example.test", "info@example.test", "alice@example.org"):
            self.assertIsNone(await directory.credential(name), name)

    async def test_credentials(self) -> None:
        """Passwords are given out as they are kept, in clear ones with the scheme that says so."""
        directory = await self.directory(self.slapd().url)
        found = await directory.credential("alice@example.test")
        self.assertEqual(Credential(Account("alice@example.test", store="s1"), "{PLAIN}geheim"), found)
        found = await directory.credential("bob@example.test")
        assert found is not None
        self.assertEqual("{SSHA}ck5xRzuqkg8zZdr1VlJUeHsSzFQ0UmtW", found.password_hash)

    async def test_login(self) -> None:
        """A right password lets in, a wrong one does not; while no server answers, neither is said."""
        server = self.slapd()
        source = await self.directory(server.url)
        authenticator = PasswordAuthenticator(source, reactor, PasswordOptions(threads=1))
        self.addCleanup(lambda: defer.Deferred.fromCoroutine(authenticator.stop()))
        await authenticator.start()
        identity = await authenticator.authenticate(Credentials("alice@example.test", b"geheim"))
        self.assertEqual("alice@example.test", identity.account.name)
        for away in (False, True):
            if away:
                server.kill()
            asked = defer.Deferred.fromCoroutine(
                authenticator.authenticate(Credentials("alice@example.test", b"wrong", peer="127.0.0.1"))
            )
            error = await self.assertFailure(asked, MailframeError)
            self.assertEqual(not away, error.status.permanent)

    async def test_posix(self) -> None:
        """Accounts of a system have names without a domain."""
        directory = await self.directory(self.slapd().url, preset="posix", default_domain="example.test")
        self.assertEqual(
            Account("carol@example.test"), await directory.lookup(Address("carol", "example.test"))
        )
        found = await directory.credential("carol@example.test")
        self.assertEqual("", found and found.password_hash)

    async def test_away(self) -> None:
        """While no server answers, nobody is unknown; afterwards all is well again by itself."""
        server = self.slapd()
        directory = await self.directory(server.url)
        await directory.account("alice@example.test")
        server.kill()
        for _ in range(3):
            await self.cannot_say(directory)
        server.start()
        directory._connections._servers[0].until = 0  # The time to wait is over.
        self.assertIsNotNone(await directory.account("alice@example.test"))

    async def test_restarted(self) -> None:
        """A server that was only restarted is asked again at once."""
        server = self.slapd()
        directory = await self.directory(server.url)
        await directory.account("alice@example.test")
        server.kill()
        server.start()
        self.assertIsNotNone(await directory.account("alice@example.test"))

    async def test_second_server(self) -> None:
        """When the first server is gone, the second one answers."""
        first, second = self.slapd(), self.slapd()
        directory = await self.directory(first.url, second.url)
        await directory.account("alice@example.test")
        first.kill()
        for _ in range(3):
            self.assertIsNotNone(await directory.account("alice@example.test"))
        second.kill()
        await self.cannot_say(directory)

    async def test_wrong_password_of_ours(self) -> None:
        """A server that does not let us in does not say that somebody is unknown."""
        await self.cannot_say(await self.directory(self.slapd().url, bind_password="wrong"))

    async def test_no_start_tls(self) -> None:
        """Nothing is asked in clear where StartTLS is wanted and cannot be had."""
        await self.cannot_say(await self.directory(self.slapd().url, start_tls=True))

    async def test_start_tls(self) -> None:
        """StartTLS is used where the certificate is good, and nothing is asked where it is not."""
        folder = Path(self.mktemp())
        folder.mkdir()
        authority, stranger = trustme.CA(), trustme.CA()
        issued = authority.issue_cert("localhost")
        files = folder.resolve() / "certificate.pem", folder.resolve() / "key.pem"
        files[0].write_bytes(issued.cert_chain_pems[0].bytes())
        files[1].write_bytes(issued.private_key_pem.bytes())
        for name, one in [("good.pem", authority), ("other.pem", stranger)]:
            one.cert_pem.write_to_path(folder / name)
        server = Slapd(ENTRIES, files)
        self.addCleanup(server.remove)
        server.start()
        url = f"ldap://localhost:{server.port}"
        good = await self.directory(url, start_tls=True, ca_file=str(folder / "good.pem"))
        self.assertIsNotNone(await good.account("alice@example.test"))
        await self.cannot_say(await self.directory(url, start_tls=True, ca_file=str(folder / "other.pem")))
        # The certificate is for another name.
        await self.cannot_say(
            await self.directory(server.url, start_tls=True, ca_file=str(folder / "good.pem"))
        )
        unchecked = await self.directory(server.url, start_tls=True, verify=False)
        self.assertIsNotNone(await unchecked.account("alice@example.test"))

    async def test_too_many(self) -> None:
        """Questions that find no room to wait are refused for now; the others are answered."""
        directory = await self.directory(self.slapd().url, connections=1, queue=1)
        asked = [defer.Deferred.fromCoroutine(directory.account("alice@example.test")) for _ in range(3)]
        answers = await defer.DeferredList(asked, consumeErrors=True)
        self.assertEqual([True, True, False], [good for good, _ in answers])
        self.assertFalse(answers[2][1].value.status.permanent)

    async def test_stopped(self) -> None:
        """A directory that was stopped cannot say; stopping twice is fine."""
        directory = await self.directory(self.slapd().url)
        await directory.stop()
        await directory.stop()
        await self.cannot_say(directory)

    async def cannot_say(self, directory: LDAPDirectory) -> None:
        """The answer must be temporary."""
        try:
            found = await directory.account("alice@example.test")
        except MailframeError as error:
            self.assertFalse(error.status.permanent)
        else:
            self.fail(f"an answer: {found}")
