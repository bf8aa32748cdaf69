"""mutt and neomutt in a terminal of their own: somebody reads, flags, files and throws away mail, key by key."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .outside import ClientCase, counted
from .service import PASSWORD, node, program

SETTINGS = """
set ssl_force_tls=yes
set ssl_verify_host=yes
set confirmappend=no
set confirmcreate=no
set delete=yes
set move=no
set mark_old=no
set copy=no
set quit=yes
set sleep_time=0
set wait_key=no
set prompt_after=no
set save_name=no
set sort=mailbox-order
set mbox_type=Maildir
set imap_condstore=yes
set imap_qresync=yes
set imap_idle=yes
set timeout=1
set pop_delete=no
set pop_checkinterval=1
"""
DAY = (
    "<first-entry><display-message><exit>"
    "<jump>2<enter><flag-message>"
    "<jump>3<enter><save-message>=Done<enter>"
    "<jump>4<enter><delete-message>"
    "<jump>5<enter><copy-message>=Done<enter>"
    "<sync-mailbox>"
)


class MuttCase(ClientCase):
    """What both programs do alike.

    Attributes:
        name: the program.
        more: settings that it alone has.
    """

    name = ""
    more = ""

    def environment(self) -> dict[str, str]:
        """A terminal, and nobody's own settings."""
        return {"HOME": str(self.place), "TERM": "vt100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def logging(self, log: Path) -> str:
        """Options that make it write down the dialogue."""
        raise NotImplementedError

    def wrote(self, log: Path) -> str:
        """What it has written down so far."""
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self, mailbox: str, keys: str, log: Path, scheme: str = "imaps") -> subprocess.Popen[bytes]:
        """Start it with these keys already typed."""
        rc = self.place / "rc"
        at = f"imaps://localhost:{node().ports['imaps']}/"
        opened = at + mailbox if scheme == "imaps" else f"pops://localhost:{node().ports['pop3s']}/"
        rc.write_text(
            f'set pop_user="{self.account}"\nset pop_pass="{PASSWORD}"\nset imap_user="{self.account}"\nset imap_pass="{PASSWORD}"\nset folder="{at}"\nset spoolfile="{at}INBOX"\n'
            f'set certificate_file="{node().certificate}"\nset header_cache="{self.place}/cache/"\n'
            f'set tmpdir="{self.place}"\n{SETTINGS}{self.more}push "{keys}"\n'
        )
        (self.place / "cache").mkdir(exist_ok=True)
        command = f"{program(self.name)} -n -F {rc} {self.logging(log)} -f {opened}"
        process = subprocess.Popen(
            [program("script"), "-qefc", command, "/dev/null"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment(),
        )  # fmt: skip
        self.addCleanup(process.kill)
        return process

    def session(self, mailbox: str, keys: str, scheme: str = "imaps") -> str:
        """From start to end; what it wrote down."""
        log = self.place / "dialogue"
        process = self.start(mailbox, keys + "<quit>", log, scheme)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, errors)
        return self.wrote(log)

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for at most some seconds."""
        deadline = time.monotonic() + 15
        while not happened():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def day(self) -> None:
        """Read, flag, move, delete, copy; the mailboxes are as the keys said."""
        self.fill("Desk", "one", "two", "three", "four", "five")
        self.fill("Done")
        self.session("Desk", DAY)
        found = self.flags("Desk")
        self.assertEqual(set(found), {"one", "two", "five"})
        self.assertIn("\\Seen", found["one"])
        self.assertIn("\\Flagged", found["two"])
        self.assertNotIn("\\Seen", found["two"])
        self.assert_letters("Done", "three", "five")

    def coming_back(self) -> None:
        """With its cache it asks by QRESYNC, and shows what is there now."""
        self.fill("Desk", "one", "two", "three", "four", "five")
        self.fill("Done")
        first = self.session("Desk", "<first-entry><display-message><exit><sync-mailbox>")
        self.assertIn("* ENABLED QRESYNC", first)
        self.assertNotIn(" VANISHED)", first)
        self.outside.select("Desk")
        self.outside.store("1", "+FLAGS", "(\\Deleted)")
        self.outside.expunge()
        self.outside.store("2", "+FLAGS", "(\\Flagged)")
        self.outside.unselect()
        self.fill("Desk", "six")
        # What is flagged, and what is new, is copied; by number, so that a message too many or too few is noticed.
        second = self.session(
            "Desk",
            "<tag-pattern>~F<enter><tag-prefix><copy-message>=Done<enter><last-entry><copy-message>=Done<enter>",
        )
        self.assertRegex(second, r"UID FETCH 1:5 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)")
        self.assertIn("* VANISHED (EARLIER) 1", second)
        self.assert_letters("Done", "three", "six")

    def idling(self) -> None:
        """It idles at the open mailbox, and is told of mail that comes in."""
        before = counted("idle")
        log = self.place / "dialogue"
        process = self.start("INBOX", "<refresh>", log)
        self.until(lambda: " IDLE" in self.wrote(log), "it does not idle")
        self.deliver("news")
        self.until(lambda: "* 1 EXISTS" in self.wrote(log), "it was not told")
        assert process.stdin is not None
        process.stdin.write(b"q")
        process.stdin.flush()
        process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        self.assertGreater(counted("idle"), before)

    def unlike(self) -> None:
        """A letter is written into a mailbox that is made for it."""
        self.fill("Desk", "one", "two")
        self.session("Desk", "<tag-pattern>~A<enter><tag-prefix><save-message>=Fresh<enter><sync-mailbox>")
        self.assertEqual(self.rows("Desk"), [])
        self.assert_letters("Fresh", "one", "two")

    def maildrop(self) -> None:
        """By POP3 it reads, copies what it read into a mailbox, and deletes."""
        self.fill("INBOX", "one", "two", "three")
        self.fill("Done")
        self.session(
            "", "<jump>2<enter><display-message><exit><copy-message>=Done<enter><jump>3<enter><delete-message><sync-mailbox>",
            "pops",
        )  # fmt: skip
        self.assert_letters("INBOX", "one", "two")
        self.assertEqual(list(self.flags("Done")), ["two"])


class NeomuttTests(MuttCase):
    """neomutt."""

    account = "neomutt@example.test"
    name = "neomutt"

    def logging(self, log: Path) -> str:
        """Options that make it write down the dialogue."""
        return f"-d 5 -l {log}"

    def wrote(self, log: Path) -> str:
        """The newest of the files; it numbers them."""
        return super().wrote(log.with_name(f"{log.name}0"))

    def test_day(self) -> None:
        """It reads, flags, moves, deletes and copies."""
        self.day()

    def test_coming_back(self) -> None:
        """It synchronises by QRESYNC."""
        self.coming_back()

    def test_idle(self) -> None:
        """It idles."""
        self.idling()

    def test_pop3(self) -> None:
        """It reads a maildrop."""
        self.maildrop()

    def test_new_mailbox(self) -> None:
        """It makes a mailbox for what it moves."""
        self.unlike()


class MuttTests(MuttCase):
    """mutt."""

    account = "mutt@example.test"
    name = "mutt"
    # Debian's neomutt is built without it.
    more = "set imap_deflate=yes\n"

    def logging(self, log: Path) -> str:
        """Options that make it write down the dialogue."""
        return "-d 3"

    def wrote(self, log: Path) -> str:
        """The newest of the files that it keeps in the home directory."""
        return super().wrote(self.place / ".muttdebug0")

    def test_day(self) -> None:
        """It reads, flags, moves, deletes and copies, compressed."""
        before = counted("compress")
        self.day()
        self.assertGreater(counted("compress"), before)

    def test_coming_back(self) -> None:
        """It synchronises by QRESYNC."""
        self.coming_back()

    def test_idle(self) -> None:
        """It idles."""
        self.idling()

    def test_pop3(self) -> None:
        """It reads a maildrop."""
        self.maildrop()

    def test_new_mailbox(self) -> None:
        """It makes a mailbox for what it moves."""
        self.unlike()
