"""Files with many entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.bulk.json_lines import read_entries, write_entry
from mailframe.directory.bulk.passwd_file import read_passwd_file
from mailframe.directory.bulk.postfix_maps import read_alias_map, read_mailbox_map
from mailframe.directory.bulk.tables import read_table
from mailframe.directory.bulk.values import Problem, Read, logical_lines
from mailframe.directory.entries import Entry
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address

ADDRESSES = st.builds(
    Address,
    st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True),
    st.sampled_from(["example.test", "bücher.test"]),
)
TEXTS = st.text(max_size=20)
NUMBERS = st.integers(0, 2**50)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Domain, TEXTS, TEXTS, st.lists(ADDRESSES, max_size=3).map(tuple)),
    st.builds(Alias, ADDRESSES, st.lists(ADDRESSES, max_size=3).map(tuple)),
    st.builds(Grant, TEXTS, TEXTS),
    st.builds(
        Credential,
        st.builds(
            Account,
            TEXTS,
            st.booleans(),
            NUMBERS,
            TEXTS,
            st.lists(ADDRESSES, max_size=3).map(tuple),
            st.booleans(),
        ),
        TEXTS,
        st.lists(TEXTS, max_size=2).map(tuple),
        st.lists(
            st.builds(
                AppPassword, TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), NUMBERS, NUMBERS
            ),
            max_size=2,
        ).map(tuple),
    ),
)


def entries(found: object) -> list[Entry]:
    """Those that were read; none may be a problem."""
    reads = list(found)  # type: ignore[call-overload]
    assert all(isinstance(one, Read) for one in reads), reads
    return [one.entry for one in reads]


def problems(found: object) -> list[tuple[int, str]]:
    """What is wrong."""
    return [(one.line, one.text) for one in found if isinstance(one, Problem)]  # type: ignore[attr-defined]


class JSONLinesTests(SynchronousTestCase):
    """Our own format."""

    @given(st.lists(ENTRIES, max_size=5))
    def test_round_trip(self, written: list[Entry]) -> None:
        """What was written is read."""
        self.assertEqual(written, entries(read_entries([write_entry(entry) + "\n" for entry in written])))

    @given(st.lists(st.text(max_size=60), max_size=5))
    def test_garbage(self, lines: list[str]) -> None:
        """Whatever a line is, it is an entry or a problem."""
        list(read_entries(lines))

    def test_problems(self) -> None:
        """Each wrong line is told with its number, and no secret of it."""
        found = problems(
            read_entries(
                [
                    "\n",
                    '{"account": "a@example.test", "quota": "much"}\n',
                    "{geheim\n",
                    '{"account": "a@example.test", "pasword": "x"}\n',
                    '{"alias": "nothing", "targets": []}\n',
                    "[]\n",
                    '{"account": "a@example.test", "enabled": 1}\n',
                ]
            )
        )
        self.assertEqual([2, 3, 4, 5, 6, 7], [line for line, _ in found])
        self.assertNotIn("geheim", str(found))
        self.assertIn("pasword", found[2][1])

    def test_without_secrets(self) -> None:
        """Secrets can be left out."""
        written = write_entry(Credential(Account("a@example.test"), "{PLAIN}geheim"), secrets=False)
        self.assertNotIn("geheim", written)
        self.assertEqual([Credential(Account("a@example.test"), "")], entries(read_entries([written])))


class TableTests(SynchronousTestCase):
    """CSV."""

    def read(self, *lines: str) -> object:
        return read_table(lines, lambda password: "{HASH}" + password[::-1], int)

    def test_accounts(self) -> None:
        """Columns are found by their names; passwords in clear are hashed."""
        found = entries(
            self.read(
                "account,password,quota,store,enabled,forwards,keeps_copy\n",
                "a@example.test,abc,5,s1,no,x@example.org y@example.org,no\n",
                "b@example.test,,,,,,\n",
            )
        )
        targets = (Address("x", "example.org"), Address("y", "example.org"))
        first = Credential(Account("a@example.test", False, 5, "s1", targets, False), "{HASH}cba")
        self.assertEqual([first, Credential(Account("b@example.test"), "")], found)

    def test_problems(self) -> None:
        """A wrong column, field or address is told with its line."""
        self.assertEqual([1], [line for line, _ in problems(self.read("account,colour\n", "a@b.test,red\n"))])
        self.assertEqual([1], [line for line, _ in problems(self.read("quota\n", "5\n"))])
        found = problems(
            self.read("account,quota\n", "a@b.test,x\n", "nobody,5\n", "a@b.test\n", "a@b.test,1,2\n")
        )
        self.assertEqual([2, 3, 4, 5], [line for line, _ in found])


class PasswdFileTests(SynchronousTestCase):
    """Dovecot's."""

    def test_accounts(self) -> None:
        """Users with passwords of any scheme, and quotas as Dovecot has them."""
        found = entries(
            read_passwd_file(
                [
                    "# people\n",
                    "a@example.test:{SSHA256}xyz:1000:1000::/home/a::userdb_quota_rule=*:storage=2G\n",
                    "b:$6$salt$hash:::::\n",
                    "c@example.test:*::::::quota_rule=*:bytes=500M\n",
                    "d@example.test:{PLAIN}p\n",
                ],
                "example.test",
            )
        )
        self.assertEqual(
            [
                Credential(Account("a@example.test", quota=2 * 1024**3), "{SSHA256}xyz"),
                Credential(Account("b@example.test"), "{CRYPT}$6$salt$hash"),
                Credential(Account("c@example.test", quota=500 * 1024**2), ""),
                Credential(Account("d@example.test"), "{PLAIN}p"),
            ],
            found,
        )

    def test_problems(self) -> None:
        """A user without a domain, and a hash of old times; passwords are not told."""
        found = problems(read_passwd_file(["a:{PLAIN}geheim\n", "b@example.test:Geheim12345xx\n"]))
        self.assertEqual([1, 2], [line for line, _ in found])
        self.assertNotIn("eheim", str(found))


class PostfixMapTests(SynchronousTestCase):
    """virtual_alias_maps and virtual_mailbox_maps."""

    def test_aliases(self) -> None:
        """Aliases, groups over several lines, catch-alls, alias domains, domains."""
        found = entries(
            read_alias_map(
                [
                    "# ours\n",
                    "example.test anything\n",
                    "info@example.test alice@example.test,\n",
                    "   bob@example.test carol@example.org\n",
                    "\n",
                    "@example.test alice@example.test\n",
                    "@example.net @example.test\n",
                ]
            )
        )
        alice, bob = Address("alice", "example.test"), Address("bob", "example.test")
        self.assertEqual(
            [
                Domain("example.test"),
                Alias(Address("info", "example.test"), (alice, bob, Address("carol", "example.org"))),
                Domain("example.test", "", (alice,)),
                Domain("example.net", "example.test"),
            ],
            found,
        )

    def test_mailboxes(self) -> None:
        """Accounts; where their mail lies means nothing here."""
        found = entries(
            read_mailbox_map(["alice@example.test example.test/alice/\n", "bob x\n"], "example.test")
        )
        self.assertEqual(
            [Credential(Account("alice@example.test"), ""), Credential(Account("bob@example.test"), "")],
            found,
        )

    def test_problems(self) -> None:
        """What has no domain or stands for nobody is told."""
        self.assertEqual(
            [1, 2], [line for line, _ in problems(read_alias_map(["info alice\n", "a@example.test\n"]))]
        )
        self.assertEqual([1], [line for line, _ in problems(read_mailbox_map(["@example.test x\n"]))])

    @given(st.lists(st.text(max_size=30), max_size=5))
    def test_garbage(self, lines: list[str]) -> None:
        """Whatever a line is, it is an entry or a problem."""
        list(read_alias_map(lines))
        list(read_mailbox_map(lines))
        list(read_passwd_file(lines))
        list(logical_lines(lines))
