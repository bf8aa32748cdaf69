"""Logins that an LDAP server checks itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import DirectoryName
from mailframe.directory.alias_domains import AliasDomains
from mailframe.directory.authenticator import PasswordAuthenticator
from mailframe.directory.cache import CacheDirectory
from mailframe.directory.chain import ChainDirectory
from mailframe.directory.composed_options import CacheOptions
from mailframe.directory.interfaces import IVerifyPasswords
from mailframe.directory.ldap.directory import LDAPDirectory
from mailframe.directory.ldap.filters import in_name
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.options import PasswordOptions
from mailframe.directory.values import Account, Alias, Credentials, Domain
from mailframe.message.address import Address
from mailframe.message.status import CREDENTIALS_INVALID, MailframeError
from tests.slapd import ABSENT, BASE, Slapd

from .test_directory import ALICE, ENTRIES, options

reactor: Any = installed
NAME, BOB = "alice@example.test", "bob@example.test"
LOGINS = (
    {"login": "bind"},
    {"login": "template", "login_template": f"uid={{local}},{BASE}"},
    {"login": "compare"},
)
WINDOWS = f"""dn: cn=Alice A\\, B,{BASE}
objectClass: user
objectCategory: person
cn: Alice A, B
userPrincipalName: alice@example.test
proxyAddresses: SMTP:alice@example.test
proxyAddresses: smtp:info@example.test
userAccountControl: 512
userPassword: geheim

dn: cn=Bob,{BASE}
objectClass: user
objectCategory: person
cn: Bob
userPrincipalName: bob@example.test
userAccountControl: 514
userPassword: geheim

dn: cn=Staff,{BASE}
objectClass: group
cn: Staff
mail: staff@example.test
member: cn=Alice A\\, B,{BASE}
member: cn=Bob,{BASE}
"""
QMAIL = f"""dn: uid=alice,{BASE}
objectClass: account
objectClass: qmailUser
uid: alice
mail: alice@example.test
mailAlternateAddress: info@example.test
mailForwardingAddress: away@example.net
mailQuotaSize: 5000
mailHost: s1
accountStatus: active
userPassword: geheim

dn: uid=bob,{BASE}
objectClass: account
objectClass: qmailUser
uid: bob
mail: bob@example.test
mailForwardingAddress: bob@example.net
deliveryMode: forwardonly
accountStatus: disabled
"""
POSIX = f"""dn: uid=carol,{BASE}
objectClass: account
objectClass: posixAccount
objectClass: shadowAccount
uid: carol
cn: Carol
uidNumber: 1000
gidNumber: 1000
homeDirectory: /home/carol
userPassword: geheim

dn: cn=staff,{BASE}
objectClass: posixGroup
cn: staff
gidNumber: 1000
memberUid: carol
memberUid: dave

dn: cn=team,{BASE}
objectClass: groupOfUniqueNames
cn: team
uniqueMember: uid=carol,{BASE}
"""


class NameTests(SynchronousTestCase):
    """What comes from outside stands in an entry's name as it is, and is never more of it."""

    @given(st.text())
    def test_escaped(self, text: str) -> None:
        """Nothing that has a meaning in a name is left, and what is meant comes back."""
        written = in_name(text)
        self.assertFalse(set(written) & set(',+"<>;= #\0'))
        octets = bytearray()
        place = 0
        while place < len(written):
            if written[place] == "\\":
                octets.append(int(written[place + 1 : place + 3], 16))
                place += 3
            else:
                octets += written[place].encode()
                place += 1
        self.assertEqual(text.encode("utf-8", "backslashreplace"), bytes(octets))


class LoginCase(TestCase):
    """A server, and directories that ask it."""

    timeout = 60
    if ABSENT:
        skip = ABSENT

    async def directory(self, entries: str = ENTRIES, **others: Any) -> LDAPDirectory:
        """A server with these entries, and a directory."""
        self.server = Slapd(entries)
        self.addCleanup(self.server.remove)
        self.server.start()
        directory = LDAPDirectory(options(self.server.url, **others), reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(directory.stop()))
        await directory.start()
        return directory

    async def authenticator(self, source: Any) -> PasswordAuthenticator:
        """What checks logins against a directory."""
        authenticator = PasswordAuthenticator(source, reactor, PasswordOptions(threads=1, remember=0.0))
        self.addCleanup(lambda: Deferred.fromCoroutine(authenticator.stop()))
        await authenticator.start()
        return authenticator

    async def refused(
        self, authenticator: PasswordAuthenticator, name: str, password: bytes
    ) -> MailframeError:
        """Why somebody is not let in."""
        with self.assertRaises(MailframeError) as caught:
            await authenticator.authenticate(Credentials(name, password))
        return caught.exception


class LoginTests(LoginCase):
    """By bind, by a template, by compare."""

    async def test_logins(self) -> None:
        """The right password lets in; a wrong, an empty and a stranger's do not, nor does a name with signs in it."""
        for login in LOGINS:
            directory = await self.directory(**login)
            self.assertTrue(verifyObject(IVerifyPasswords, directory))
            authenticator = await self.authenticator(directory)
            identity = await authenticator.authenticate(Credentials("Alice@Example.test", b"geheim"))
            self.assertEqual(NAME, identity.account.name)
            found = await directory.credential(NAME)
            self.assertEqual("", found and found.password_hash)
            for name, password in (
                (NAME, b"wrong"), (NAME, b""), (NAME, b"\xff"), (NAME, b"geheim\0"), (NAME, "\U0001f511".encode()), ("nobody@example.test", b"geheim"),
                (f"alice,{BASE}@example.test", b"geheim"), ("*@example.test", b"geheim"), ("alice", b"geheim"),
                ("info@example.test", b"geheim"), ("mailframe@example.test", b"geheim"), ("@example.test", b"x"),
            ):  # fmt: skip
                error = await self.refused(authenticator, name, password)
                self.assertEqual(CREDENTIALS_INVALID, error.status, (login, name, password))
                self.assertFalse(await directory.verify(name, password), (login, name, password))

    async def test_away(self) -> None:
        """While no server answers nobody is called wrong, and afterwards all is well."""
        for login in LOGINS:
            directory = await self.directory(**login)
            authenticator = await self.authenticator(directory)
            self.server.kill()
            self.assertTrue((await self.refused(authenticator, NAME, b"geheim")).status.temporary)
            with self.assertRaises(MailframeError) as caught:
                await directory.verify(NAME, b"geheim")
            self.assertTrue(caught.exception.status.temporary)
            self.server.start()
            directory._connections._servers[0].until = 0
            self.assertTrue(await directory.verify(NAME, b"geheim"))

    async def test_strangers(self) -> None:
        """A name that nobody has costs a bind as well."""
        directory = await self.directory(login="bind")
        binds: list[str] = []
        log_in = directory._connections.log_in

        def counted(name: str, password: str) -> bool:
            binds.append(name)
            return log_in(name, password)

        directory._connections.log_in = counted  # type: ignore[method-assign]
        for name in (NAME, "nobody@example.test", "nobody2@example.test"):
            self.assertFalse(await directory.verify(name, b"wrong"))
        self.assertEqual(3, len(set(binds)))
        self.assertEqual(f"uid=alice,{BASE}", binds[0])

    async def test_through_others(self) -> None:
        """Chain, cache and alias domains hand the question on to who has the account."""
        directory = await self.directory(login="bind")
        other = MemoryDirectory(["other.test"], {"dave@other.test": "{PLAIN}secret"})
        cache = CacheDirectory(directory, CacheOptions(source=DirectoryName("x")), reactor)
        chain: Any = AliasDomains(ChainDirectory([cache, other]))
        self.assertTrue(IVerifyPasswords.providedBy(chain))
        authenticator = await self.authenticator(chain)
        for name, right in ((NAME, b"geheim"), ("dave@other.test", b"secret")):
            identity = await authenticator.authenticate(Credentials(name, right))
            self.assertEqual(name, identity.account.name)
            await self.refused(authenticator, name, b"wrong")
        for name in ("nobody@example.test", "nobody@other.test", "nobody@nowhere.test"):
            await self.refused(authenticator, name, b"geheim")

    async def test_template_without_a_name(self) -> None:
        """A template that is the same for everybody is refused: all would be let in by one password."""
        for template in ("", f"cn=mailframe,{BASE}", "{nonsense}"):
            self.assertRaises(
                ValueError,
                LDAPDirectory,
                options("ldap://127.0.0.1", login="template", login_template=template),
                reactor,
            )


class PresetTests(LoginCase):
    """Entries as the programs of each preset have them."""

    async def test_active_directory(self) -> None:
        """Names, further addresses, groups, who is disabled; logins by bind, without a right to read passwords."""
        directory = await self.directory(WINDOWS, preset="active-directory", group_attribute="mail")
        self.assertEqual(Account(NAME), await directory.account(NAME))
        self.assertEqual(Account(BOB, enabled=False), await directory.account(BOB))
        info, staff = Address("info", "example.test"), Address("staff", "example.test")
        self.assertEqual(Alias(info, (ALICE,)), await directory.lookup(info))
        self.assertEqual(Alias(staff, (ALICE, Address("bob", "example.test"))), await directory.lookup(staff))
        authenticator = await self.authenticator(directory)
        self.assertEqual(NAME, (await authenticator.authenticate(Credentials(NAME, b"geheim"))).account.name)
        await self.refused(authenticator, BOB, b"geheim")

    async def test_qmail(self) -> None:
        """Quota, store, forwards with and without a copy, and the account's status."""
        directory = await self.directory(QMAIL, preset="qmail")
        away = (Address("away", "example.net"),)
        self.assertEqual(Account(NAME, True, 5000, "s1", away, True), await directory.account(NAME))
        gone = (Address("bob", "example.net"),)
        self.assertEqual(Account(BOB, False, 0, "", gone, False), await directory.account(BOB))
        info = Address("info", "example.test")
        self.assertEqual(Alias(info, (ALICE,)), await directory.lookup(info))

    async def test_posix(self) -> None:
        """Accounts and groups of a system have names without a domain."""
        directory = await self.directory(
            POSIX, preset="posix", default_domain="example.test", group_attribute="cn", login="bind"
        )
        carol = Address("carol", "example.test")
        self.assertEqual(Account("carol@example.test"), await directory.lookup(carol))
        for name, wanted in (("staff", (carol, Address("dave", "example.test"))), ("team", (carol,))):
            address = Address(name, "example.test")
            self.assertEqual(Alias(address, wanted), await directory.lookup(address))
        self.assertTrue(await directory.verify("carol@example.test", b"geheim"))
        self.assertEqual(Domain("example.test"), await directory.domain("example.test"))
