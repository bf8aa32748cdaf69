"""Maildirs between us, procmail, maildrop, neomutt and Dovecot: they deliver and change, and sessions hear of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from mailframe.store.adoption import maildirsize
from mailframe.store.maildir import look
from mailframe.store.maildir.options import MaildirOptions
from mailframe.store.maildir.watching import FIRST_SECONDS
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import Limit, QuotaRules
from mailframe.store.values import SEEN, FlagChange
from tests.store.maildir.fixture import MaildirCase, numbered
from tests.store.maildir.test_watching import Reactor

from .maildir_servers import Dovecot
from .service import SKIP, program

MESSAGE = b"From: alice@example.test\nSubject: delivered\n\nBody\n"


class DeliveringTests(MaildirCase):
    """Programs that deliver into a Maildir while somebody listens."""

    skip = SKIP
    options = MaildirOptions(threads=0, mailboxes={}, maildirsize=True)
    policies = Policies(quota=QuotaRules(Limit(4000)))

    def setUp(self) -> None:
        for name in ("UNSETTLED_SECONDS", "UNSETTLED_SHARE", "SHARE"):
            self.patch(look, name, 0)
        super().setUp()
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-maildir-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.deliver(numbered(1))
        self.clock.advance(2)
        self.told = 0
        self.mailbox = self.opened()
        self.wait(self.mailbox.snapshot())
        self.mailbox.listen(self.tell)
        self.clock.turn(FIRST_SECONDS)
        self.clock.turn()
        self.told = 0

    def started(self, boot: str = "", options: MaildirOptions | None = None) -> Any:
        self.clock: Any = Reactor()
        return super().started(boot, options)

    def tell(self) -> None:
        self.told += 1

    def run_with(self, recipe: str, *command: str | Path) -> int:
        recipes = self.base / "recipe"
        recipes.write_text(recipe)
        recipes.chmod(0o600)
        environment = {"HOME": str(self.base), "PATH": os.environ["PATH"]}
        done = subprocess.run([*command, recipes], input=MESSAGE, env=environment, cwd=self.base, timeout=30)
        return done.returncode

    def test_procmail(self) -> None:
        """procmail's delivery is told at once."""
        self.run_with(f"ORGMAIL={self.path()}/\nDEFAULT={self.path()}/\n", program("procmail"))
        self.clock.turn()
        self.assertEqual(self.told, 1)
        self.assertIn(MESSAGE.replace(b"\n", b"\r\n"), self.contents()[1])

    def test_maildrop(self) -> None:
        """maildrop's delivery is told at once, and the quota file has it once, whoever wrote it there."""
        recipe = f'to "{self.path()}"\n'
        self.assertEqual(self.run_with(recipe, program("maildrop")), 0)
        self.clock.turn()
        self.assertEqual(self.told, 1)
        self.assertIn(MESSAGE.replace(b"\n", b"\r\n"), self.contents()[1])
        self.clock.advance(2)
        with open(self.path("maildirsize"), "rb") as file:
            told = maildirsize.read(file.read())
        self.assertEqual((told.messages, told.octets), (2, sum(map(len, self.contents()))))

    def test_over_quota(self) -> None:
        """Where our quota file says that an account is full, maildrop and Courier's deliverquota deliver nothing."""
        recipe = f'to "{self.path()}"\n'
        self.deliver(b"Subject: large\r\n\r\n" + b"x" * 3938 + b"\r\n")
        self.clock.advance(2)
        temporary, refused = 75, 77
        self.assertEqual(self.run_with(recipe, program("maildrop")), temporary)
        deliver = [program("deliverquota"), self.path()]
        self.assertEqual(subprocess.run(deliver, input=MESSAGE, timeout=30).returncode, refused)
        self.assertEqual(len(self.contents()), 2)

    def test_neomutt(self) -> None:
        """A flag that neomutt sets is told at once."""
        config = self.base / "neomuttrc"
        config.write_text(
            "set mbox_type=Maildir\nset mark_old=no\nunset help\nset header_cache=''\n"
            f'push "<flag-message><sync-mailbox><exit>"\nset folder={self.base}\nset record=""\n'
        )
        environment = {"HOME": str(self.base), "PATH": os.environ["PATH"], "TERM": "dumb"}
        command = f"{program('neomutt')} -n -F {config} -f {self.path()}"
        pipe = subprocess.PIPE
        # What it reads from stays open: the end of it would be a key, the one that deletes threads.
        with subprocess.Popen(
            ["script", "-qec", command, "/dev/null"], env=environment, stdin=pipe, stdout=subprocess.DEVNULL
        ) as running:
            running.wait(30)
        self.clock.turn()
        self.assertEqual(self.told, 1)
        self.assertEqual(self.flags(), {1: {"\\Flagged"}})


class BesideDovecotTests(MaildirCase):
    """Dovecot on the same tree, in both layouts, with keywords and subscriptions both ways."""

    skip = SKIP
    layout, form = "maildir++", ""

    def setUp(self) -> None:
        for name in ("UNSETTLED_SECONDS", "UNSETTLED_SHARE", "SHARE"):
            self.patch(look, name, 0)
        self.options = MaildirOptions(
            threads=0, mailboxes={}, layout=self.layout, keywords="dovecot", subscriptions="dovecot",
            dovecot_uidlist=True,
        )  # fmt: skip
        super().setUp()
        self.account()
        os.chmod(self.directory, 0o755)
        os.chmod(os.path.dirname(self.path()), 0o755)
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-maildir-"))
        self.base.chmod(0o755)
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)

    def session(self) -> Any:
        tree = Path(self.path())
        dovecot = Dovecot(self.base, tree, f"mail_location = maildir:{tree}{self.form}\n")
        dovecot.owned()
        shutil.chown(self.base, "nobody")
        return dovecot.imap()

    def test_keywords_and_subscriptions(self) -> None:
        """Each sees the other's keywords and subscriptions, and the same UIDs."""
        self.deliver(numbered(1), numbered(2))
        self.wait(self.account().create("Work"))
        self.wait(self.account().subscribe("Work", True))
        self.append(numbered(3), mailbox="Work")
        mailbox = self.opened()
        self.wait(mailbox.snapshot())
        self.wait(mailbox.store([1], FlagChange.ADD, frozenset({"$Ours", SEEN})))
        imap = self.session()
        imap.select("INBOX")
        _, (first, *_) = imap.uid("FETCH", "1", "(FLAGS)")
        self.assertIn(b"$Ours", first)
        self.assertIn(b"\\Seen", first)
        imap.uid("STORE", "2", "+FLAGS", "($Theirs $Ours)")
        imap.uid("STORE", "1", "-FLAGS", "($Ours)")
        self.assertIn(b"Work", b"".join(imap.lsub()[1]))
        imap.create("Other")
        imap.subscribe("Other")
        imap.unsubscribe("Work")
        self.assertEqual(imap.select("Work")[1], [b"1"])
        imap.logout()
        self.assertEqual(self.flags(), {1: {SEEN}, 2: {"$Theirs", "$Ours"}})
        entries = self.wait(self.account().mailboxes())
        self.assertLessEqual({"Other", "Work"}, {entry.name for entry in entries if entry.selectable})
        self.assertEqual({entry.name for entry in entries if entry.subscribed}, {"INBOX", "Other"})


class BesideDovecotInDirectoriesTests(BesideDovecotTests):
    """The same in the file-system layout."""

    layout, form = "fs", ":LAYOUT=fs"
