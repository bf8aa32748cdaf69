"""InterIMAP keeps two accounts alike: it lives by QRESYNC on both sides and trusts every word of it."""

from __future__ import annotations

import contextlib
import imaplib
import os
import subprocess
import time
from collections.abc import Callable, Iterator

from .outside import ClientCase, counted
from .service import PASSWORD, node, program, run, trust

FAR = "interimap-far@example.test"


class InterIMAPTests(ClientCase):
    """Two accounts of one service, changed on both sides in turn."""

    account = "interimap@example.test"

    def setUp(self) -> None:
        """Both are empty."""
        super().setUp()
        self.far = imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust(), timeout=30)
        self.far.login(FAR, PASSWORD)
        self.addCleanup(self.far.logout)
        self.addCleanup(self.clean_far)
        self.clean_far()
        side = (
            f"type = imaps\nhost = localhost\nport = {node().ports['imaps']}\npassword = {PASSWORD}\n"
            f"SSL_verify = YES\nSSL_CAfile = {node().certificate}\ncompress = YES\n"
        )
        self.rc = self.place / "config"
        self.rc.write_text(
            f"database = {self.place}/state.sqlite\nlist-mailbox = INBOX Desk Done\n"
            f"[local]\n{side}username = {self.account}\n[remote]\n{side}username = {FAR}\n"
        )

    @contextlib.contextmanager
    def over_there(self) -> Iterator[None]:
        """All looks and changes are on the other side meanwhile."""
        here, self.outside = self.outside, self.far
        try:
            yield
        finally:
            self.outside = here

    def clean_far(self) -> None:
        """Empty the other account."""
        with self.over_there():
            self.clean()

    def environment(self) -> dict[str, str]:
        """Nobody's own settings are used."""
        return {"HOME": str(self.place), "PATH": os.environ["PATH"] + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def synchronise(self) -> None:
        """One run."""
        run("interimap", f"--config={self.rc}", "--quiet", env=self.environment())

    def assert_alike(self, mailbox: str, expected: dict[str, set[str]]) -> None:
        """Both sides have these letters, octet for octet, with these flags."""
        self.assertEqual(self.flags(mailbox), expected)
        self.assert_letters(mailbox, *expected)
        with self.over_there():
            self.assertEqual(self.flags(mailbox), expected)
            self.assert_letters(mailbox, *expected)

    def change(self, mailbox: str, name: str, flags: str) -> None:
        """Set flags on one letter; with ``\\Deleted`` it is expunged as well."""
        self.outside.select(mailbox)
        number = self.outside.search(None, "HEADER", "Message-ID", f"<{name}@")[1][0].decode()
        self.outside.store(number, "+FLAGS", f"({flags})")
        if "Deleted" in flags:
            self.outside.expunge()
        self.outside.unselect()

    def test_both_ways(self) -> None:
        """Hundred letters, flags, keywords, expunges, and mailboxes, from either side to the other."""
        before = counted("compress")
        names = [f"letter-{number}" for number in range(100)]
        self.fill("INBOX", *names[:60])
        with self.over_there():
            self.fill("Desk", *names[60:], flags="(\\Seen)")
        self.synchronise()
        self.assertGreaterEqual(counted("compress"), before + 2)
        inbox: dict[str, set[str]] = {name: set() for name in names[:60]}
        desk = {name: {"\\Seen"} for name in names[60:]}
        self.assert_alike("INBOX", inbox)
        self.assert_alike("Desk", desk)

        self.change("INBOX", "letter-5", "\\Flagged $Work")
        self.change("Desk", "letter-61", "\\Deleted")
        with self.over_there():
            self.change("INBOX", "letter-5", "\\Answered")
            self.change("INBOX", "letter-9", "\\Deleted")
            self.change("Desk", "letter-70", "\\Flagged")
            self.fill("Desk", "new")
        self.synchronise()
        # What either side has set is joined.
        inbox["letter-5"] = {"\\Flagged", "\\Answered", "$Work"}
        del inbox["letter-9"], desk["letter-61"]
        desk |= {"letter-70": {"\\Seen", "\\Flagged"}, "new": set()}
        self.assert_alike("INBOX", inbox)
        self.assert_alike("Desk", desk)
        self.synchronise()
        self.assert_alike("INBOX", inbox)
        self.assert_alike("Desk", desk)

    def there(self, mailbox: str) -> dict[str, set[str]]:
        """Flags on the other side."""
        with self.over_there():
            return self.flags(mailbox)

    def until(self, happened: Callable[[], bool], log: str) -> None:
        """Wait for at most some seconds."""
        deadline = time.monotonic() + 20
        while not happened():
            with open(log, errors="replace") as file:
                self.assertLess(time.monotonic(), deadline, file.read()[-3000:])
            time.sleep(0.1)

    def test_notified(self) -> None:
        """It stays, and is told by NOTIFY what happens in any mailbox of either side, so that the other one has it at once."""
        before = counted("notify")
        self.fill("INBOX", "one")
        self.fill("Desk", "two")
        self.synchronise()
        log = str(self.place / "log")
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [program("interimap"), f"--config={self.rc}", "--notify", "--debug"],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=self.environment(),
            )  # fmt: skip
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.kill)
        self.until(lambda: counted("notify") >= before + 2, log)
        self.fill("Desk", "three")
        self.until(lambda: set(self.there("Desk")) == {"two", "three"}, log)
        with self.over_there():
            self.fill("INBOX", "four")
            self.change("Desk", "two", "\\Flagged")
        self.until(lambda: set(self.flags("INBOX")) == {"one", "four"}, log)
        self.until(lambda: self.flags("Desk")["two"] == {"\\Flagged"}, log)
        self.change("Desk", "three", "\\Deleted")
        self.until(lambda: set(self.there("Desk")) == {"two"}, log)
        self.assertIsNone(process.poll())
