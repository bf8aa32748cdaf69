"""Names of directories for mailboxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import MailframeError
from mailframe.store.directories import LONG
from mailframe.store.maildir.folders import folder_of, mailbox_of
from mailframe.store.names import check_new

TEXT = st.text(st.characters(exclude_categories=("Cs",)))


class FolderTests(SynchronousTestCase):
    """Mailbox names as Maildir++ directories."""

    def test_known(self) -> None:
        """The directories that other Maildir programs use."""
        for name, folder in (
            ("INBOX", ""),
            ("Sent", ".Sent"),
            ("Work/2026/June", ".Work.2026.June"),
            ("Entwürfe", ".Entw&APw-rfe"),
            ("台北/日本語", ".&U,BTFw-.&ZeVnLIqe-"),
            ("R&D", ".R&-D"),
            ("v1.2", ".v1\\2e2"),
            ("back\\slash", ".back\\5cslash"),
        ):
            self.assertEqual(folder_of(name), folder)
            if folder:
                self.assertEqual(mailbox_of(folder), name)

    def test_no_mailboxes(self) -> None:
        """Directories that are not mailboxes."""
        for folder in ("cur", "new", ".", "..", "..a", ".a..b", ".a."):
            self.assertIsNone(mailbox_of(folder))

    def test_other_spellings(self) -> None:
        """Another program's odd directory is a mailbox under some name."""
        for folder, name in ((".a&b", "a&b"), (".&AAAA", "&AAAA"), (".&!!!-x", "&!!!-x"), (".a\\2fb", "a_b")):
            self.assertEqual(mailbox_of(folder), name)

    @given(st.lists(TEXT, min_size=1, max_size=5))
    def test_any_name(self, levels: list[str]) -> None:
        """Every allowed name has a directory of its own, which is found again by its name."""
        try:
            name = check_new("/".join(levels))
        except MailframeError:
            return
        folder = folder_of(name)
        self.assertLessEqual(len(folder), 255)
        self.assertTrue(folder.isascii())
        self.assertNotIn("/", folder)
        if folder and not folder.startswith(LONG):
            self.assertEqual(mailbox_of(folder), name)

    def test_long(self) -> None:
        """A name too long for a directory has one all the same, and two have two."""
        names = ["/".join(["level" * 10] * 10) + end for end in "ab"]
        folders = {folder_of(name) for name in names}
        self.assertEqual(len(folders), 2)
        self.assertTrue(all(folder.startswith(LONG) for folder in folders))
