"""The contract of directories that are administered entry by entry, and that copies are made of.

Random edits are done to the directory and to `mailframe.directory.memory.MemoryDirectory`: both refuse the same, keep
the same, and tell the same of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from mailframe.directory.entries import Edit, Entry, Key, Kind, Put, Remove, key_of
from mailframe.directory.memory import MemoryDirectory
from mailframe.directory.refusals import RefusedEdit
from mailframe.directory.values import Account, Alias, AppPassword, Credential, Domain, Grant
from mailframe.message.address import Address

from .directory import HASH, KEYS

DOMAINS = ("a.example", "b.example", "zürich.example")
LOCAL_PARTS = ("alice", "Bob", "o'hara", "käthe", "a b", "zz", "Ω")
_domains = st.sampled_from(DOMAINS)
_local_parts = st.sampled_from(LOCAL_PARTS)
_addresses = st.builds(Address, _local_parts, _domains)
_targets = st.lists(_addresses, max_size=3).map(tuple)
_names = st.builds("{}@{}".format, _local_parts, _domains)
_texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["C", "Z"]), max_size=8
)
_times = st.integers(0, 2**40)
_app_passwords = st.builds(
    AppPassword,
    st.sampled_from(["a1", "b2", "c3"]),
    _texts,
    st.just(HASH),
    st.lists(st.sampled_from(["imap", "smtp"]), max_size=2).map(tuple),
    _times,
    _times,
)
_accounts = st.builds(
    Account, _names, st.booleans(), st.integers(0, 2**50), _texts, _targets, st.booleans(), _texts, _times
)
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(Domain, _domains, st.sampled_from(["", "", *DOMAINS]), _targets),
    st.builds(
        Credential,
        _accounts,
        st.sampled_from(["", HASH]),
        st.sampled_from([(), tuple(KEYS)]),
        st.lists(_app_passwords, max_size=2).map(tuple),
    ),
    st.builds(Alias, _addresses, _targets),
    st.builds(Grant, _names, st.one_of(_names, _domains.map("@{}".format))),
)
edits: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Put, entries, new=st.booleans()),
    st.builds(Put, entries, instead_of=entries),
    st.builds(lambda entry: Remove(key_of(entry)), entries),
)
steps = st.lists(st.tuples(st.lists(edits, min_size=1, max_size=4), st.booleans()), max_size=12)
"""What is done in one go, and whether it is only tried."""
BEGINNING: Sequence[Edit] = [
    *(Put(Domain(name)) for name in DOMAINS),
    Put(Credential(Account("alice@a.example"), HASH)),
    Put(Credential(Account("käthe@zürich.example"), HASH)),
    Put(Alias(Address("info", "b.example"), (Address("alice", "a.example"),))),
    Put(Alias(Address("Bob", "zürich.example"), (Address("alice", "a.example"),))),
    Put(Grant("alice@a.example", "@b.example")),
]


def all_entries(directory: Any, page: int = 2) -> list[Entry]:
    """Everything that is in a directory, listed in small pages."""
    found: list[Entry] = []
    for kind in Kind:
        after = ""
        while some := directory.listing(kind, after=after, limit=page):
            found += some
            after = key_of(some[-1]).name
    return found


class EntriesContract:
    """Mix with ``twisted.trial.unittest.SynchronousTestCase``; hypothesis calls `check_edits` with `steps`."""

    def check_edits(self: Any, directory: Any, todo: Sequence[tuple[Sequence[Edit], bool]]) -> None:
        """Whatever is done, the directory is as the model is.

        Args:
            directory: an empty one.
            todo: as `steps` gives it.
        """
        model = MemoryDirectory([], {})
        for some, dry_run in [(BEGINNING, False), *todo]:
            outcomes = [self._what_comes_of(one, some, dry_run) for one in (directory, model)]
            self.assertEqual(outcomes[1], outcomes[0])
        self.assertEqual(all_entries(model), all_entries(directory))
        for domain in DOMAINS:
            for kind in (Kind.ACCOUNT, Kind.ALIAS, Kind.GRANT):
                self.assertEqual(model.listing(kind, domain), directory.listing(kind, domain), (kind, domain))
        told = [self._history(one) for one in (directory, model)]
        self.assertEqual(told[1], told[0])
        versions = [change.version for change in directory.history()]
        self.assertEqual(sorted(set(versions)), versions)
        self.assertEqual(versions[-1], directory.last_version())
        for entry in all_entries(directory):
            self.assertEqual(entry, directory.entry(key_of(entry)))

    async def check_copies(
        self: Any, directory: Any, todo: Sequence[tuple[Sequence[Edit], bool]], begin: int
    ) -> None:
        """A copy that was made at some point and follows the changes is as the directory is.

        Args:
            directory: an empty one that was started.
            todo: as `steps` gives it.
            begin: after how many of them the copy is made.
        """
        copy: dict[Key, Entry] = {}
        version = ""
        for number, (some, dry_run) in enumerate([(BEGINNING, False), *todo, ([], False)]):
            if number == min(begin, len(todo)):
                version = await directory.version()
                after = None
                while page := await directory.entries(after, 2):
                    copy.update((key_of(entry), entry) for entry in page)
                    after = key_of(page[-1])
            self._what_comes_of(directory, some, dry_run)
        more = True
        while more:
            batch = await directory.changes(version, 2)
            copy.update((key_of(entry), entry) for entry in batch.entries)
            for key in batch.removed:
                copy.pop(key, None)
            version, more = batch.version, batch.more
        self.assertEqual({key_of(entry): entry for entry in all_entries(directory)}, copy)
        self.assertEqual(await directory.version(), version)
        self.assertIsNone(await directory.changes("another:1"))
        self.assertIsNone(await directory.changes(f"{version}000000"))

    def _what_comes_of(self: Any, directory: Any, some: Sequence[Edit], dry_run: bool) -> object:
        try:
            return directory.apply(some, "tester", dry_run=dry_run)
        except RefusedEdit as refusal:
            return refusal.index, refusal.status

    def _history(self: Any, directory: Any) -> list[tuple[object, ...]]:
        return [(one.actor, one.outcome, one.key, one.what) for one in directory.history()]
