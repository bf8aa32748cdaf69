"""mbsync keeps a local Maildir and a mailbox alike, both ways."""

from __future__ import annotations

import imaplib
import re
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from . import service
from .service import ERIN, PASSWORD, node, run, trust


def text(name: str) -> bytes:
    """A message with LF line ends, as local files have them."""
    return (
        f"From: erin@example.test\nTo: erin@example.test\nSubject: {name} für später\n"
        f"Message-ID: <{name}@near.example.test>\nDate: Mon, 02 Nov 2026 10:00:00 +0100\n\n"
        f"This is {name}.\n.\nEnd.\n"
    ).encode()


class SynchronisingTests(TestCase):
    """One mailbox and one Maildir, changed on both sides in turn."""

    skip = service.SKIP
    timeout = 120

    def setUp(self) -> None:
        """Both are empty."""
        place = Path(tempfile.mkdtemp(prefix="mailframe-mbsync-"))
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        self.near = place / "mail" / "Shared"
        (place / "mail").mkdir()
        self.rc = place / "mbsyncrc"
        self.rc.write_text(
            f"IMAPAccount a\nHost localhost\nPort {node().ports['imaps']}\nUser {ERIN}\nPass {PASSWORD}\n"
            f"SSLType IMAPS\nCertificateFile {node().certificate}\nSystemCertificates no\n\n"
            f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {place}/mail/\nInbox {place}/mail/INBOX\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns Shared\nCreate Both\nSync All\nExpunge Both\nSyncState *\n"
        )
        self.client = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.addCleanup(self.client.shutdown)
        self.client.login(ERIN, PASSWORD)
        self.client.create("Shared")
        self.addCleanup(self.client.delete, "Shared")

    def synchronise(self) -> None:
        """One run."""
        run("mbsync", "-q", "-c", self.rc, "c")

    def files(self) -> dict[str, Path]:
        """Local files by the name in the message."""
        found = {}
        for part in ("new", "cur"):
            for file in (self.near / part).iterdir():
                name = re.search(rb"^Message-ID: <(\w+)@", file.read_bytes(), re.M)[1].decode()
                self.assertNotIn(name, found, "a message is there twice")
                found[name] = file
        return found

    def far(self) -> dict[str, tuple[bytes, set[str], str]]:
        """Octets, flags and UID of the mailbox's messages by the name in the message."""
        self.client.select("Shared")
        _, rows = self.client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
        found = {}
        for row in rows:
            if isinstance(row, tuple):
                name = re.search(rb"^Message-ID: <(\w+)@", row[1], re.M)[1].decode()
                self.assertNotIn(name, found, "a message is there twice")
                flags = {flag.decode() for flag in imaplib.ParseFlags(row[0])} - {"\\Recent"}
                octets = re.sub(rb"^X-TUID: .*\r\n", b"", row[1], flags=re.M)
                found[name] = (octets, flags, re.search(rb"UID (\d+)", row[0])[1].decode())
        self.client.unselect()
        return found

    def put(self, name: str, flags: str = "") -> None:
        """A new local file, as a local mail program puts it there."""
        folder = self.near / ("cur" if flags else "new")
        (folder / (f"{len(self.files())}.{name}.near" + (f":2,{flags}" if flags else ""))).write_bytes(
            text(name)
        )

    def assert_alike(self, expected: dict[str, set[str]]) -> None:
        """Both sides have these messages, octet for octet, with these flags."""
        letters = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Deleted": "T", "\\Draft": "D"}
        far, files = self.far(), self.files()
        self.assertEqual({name: flags for name, (_, flags, _) in far.items()}, expected)
        self.assertEqual(set(files), set(expected))
        for name, file in files.items():
            self.assertEqual(far[name][0], text(name).replace(b"\n", b"\r\n"))
            self.assertEqual(re.sub(rb"^X-TUID: .*\n", b"", file.read_bytes(), flags=re.M), text(name))
            _, _, here = file.name.partition(":2,")
            self.assertEqual(set(here), {letters[flag] for flag in expected[name]}, name)

    def test_both_ways(self) -> None:
        """New messages, flags and expunges travel from either side to the other."""
        self.client.append("Shared", "(\\Seen)", None, text("one").replace(b"\n", b"\r\n"))
        self.client.append("Shared", "", None, text("two").replace(b"\n", b"\r\n"))
        self.synchronise()
        self.assert_alike({"one": {"\\Seen"}, "two": set()})

        self.put("three")
        self.put("four", "FS")
        self.synchronise()
        self.assert_alike({"one": {"\\Seen"}, "two": set(), "three": set(), "four": {"\\Seen", "\\Flagged"}})

        # Flags: two are set near, one far.
        two, four = self.files()["two"], self.files()["four"]
        two.rename(self.near / "cur" / (two.name.partition(":")[0] + ":2,RS"))
        four.rename(self.near / "cur" / (four.name.partition(":")[0] + ":2,S"))
        uid = self.far()["three"][2]
        self.client.select("Shared")
        self.client.uid("STORE", uid, "+FLAGS", "(\\Flagged)")
        self.client.unselect()
        self.synchronise()
        flags = {
            "one": {"\\Seen"},
            "two": {"\\Answered", "\\Seen"},
            "three": {"\\Flagged"},
            "four": {"\\Seen"},
        }
        self.assert_alike(flags)

        # Expunges: one from either side.
        one = self.files()["one"]
        one.rename(self.near / "cur" / (one.name.partition(":")[0] + ":2,ST"))
        uid = self.far()["four"][2]
        self.client.select("Shared")
        self.client.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
        self.client.expunge()
        self.client.unselect()
        self.synchronise()
        del flags["one"], flags["four"]
        self.assert_alike(flags)
        self.synchronise()
        self.assert_alike(flags)
