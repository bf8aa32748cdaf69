"""mbox files between us, Dovecot and mutt: each reads what the other wrote, with the same UIDs, flags and octets."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
from pathlib import Path

from mailframe.store.mbox.options import MboxOptions
from mailframe.store.values import ANSWERED, DELETED, FLAGGED, SEEN, FlagChange
from tests.store.mbox.fixture import FaultyFiles, MboxCase, numbered

from .service import SKIP, program, run

FIELDS = re.compile(rb"uid: (\d+)\nflags: ([^\n]*)\ntext:\n(.*?)\n?(?:\f|\Z)", re.DOTALL)


class MboxInteropTests(MboxCase):
    """One account's files, used by several programs."""

    skip = SKIP
    options = MboxOptions(threads=0, mailboxes={"Sent": "\\Sent"}, write_locks=["dotlock", "fcntl"])

    def setUp(self) -> None:
        super().setUp()
        os.chmod(self.directory, 0o755)
        self.base = Path(tempfile.mkdtemp(prefix="mailframe-mbox-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)

    # Dovecot.

    def doveadm(self, *words: str, stdin: bytes | None = None) -> bytes:
        """A command of Dovecot's, on the account's files."""
        account = Path(self.directory) / "example.test" / "alice"
        config = self.base / "dovecot.conf"
        user = self.let_others()
        config.write_text(
            f"base_dir = {self.base}/run\nstate_dir = {self.base}/state\nlog_path = {self.base}/log\nssl = no\n"
            f"first_valid_uid = 0\nfirst_valid_gid = 0\nmail_uid = {user.pw_uid}\nmail_gid = {user.pw_gid}\nmail_home = {self.base}\n"
            f"mail_location = mbox:{account}:INBOX={account}/INBOX/mBoX-MeSsAgEs:DIRNAME=mBoX-MeSsAgEs"
            f":INDEX={self.base}/index\nmbox_write_locks = dotlock fcntl\n"
        )
        return run(
            program("doveadm"), "-c", config, *words, stdin=stdin,
            env={"USER": user.pw_name, "HOME": str(self.base), "PATH": "/usr/bin:/bin:/usr/sbin"},
        )  # fmt: skip

    def let_others(self) -> pwd.struct_passwd:
        """Everything belongs to a user whom Dovecot serves: it serves nobody who is root."""
        user = pwd.getpwuid(os.getuid()) if os.getuid() else pwd.getpwnam("nobody")
        if not os.getuid():
            for place in (self.directory, self.base):
                for path in (Path(place), *Path(place).rglob("*")):
                    os.chown(path, user.pw_uid, user.pw_gid)
        return user

    def seen_by_dovecot(self, mailbox: str = "INBOX") -> dict[int, tuple[frozenset[str], bytes]]:
        """UIDs, flags and octets as Dovecot has them."""
        output = self.doveadm("fetch", "uid flags text", "mailbox", mailbox)
        found = {}
        for uid, flags, text in FIELDS.findall(output):
            words = frozenset(flags.decode().split()) - {"\\Recent"}
            found[int(uid)] = words, text.replace(b"\r\n", b"\n")
        return found

    def seen_by_us(self, mailbox: str = "INBOX") -> dict[int, tuple[frozenset[str], bytes]]:
        """The same as we have them."""
        messages, flags = self.messages(mailbox), self.flags(mailbox)
        return {uid: (flags[uid], octets.replace(b"\r\n", b"\n")) for uid, octets in messages.items()}

    def assert_same(self, mailbox: str = "INBOX") -> None:
        """Dovecot and we see the same."""
        self.rest()
        ours, theirs = self.seen_by_us(mailbox), self.seen_by_dovecot(mailbox)
        self.assertEqual(list(theirs), list(ours))
        for uid, (flags, octets) in ours.items():
            self.assertEqual(theirs[uid][0], flags, uid)
            self.assertEqual(theirs[uid][1].rstrip(b"\n"), octets.rstrip(b"\n"), uid)

    def uidvalidity(self) -> int:
        """UIDVALIDITY of INBOX as Dovecot has it."""
        return int(self.doveadm("mailbox", "status", "uidvalidity", "INBOX").split(b"=")[1])

    def test_dovecot_reads_ours(self) -> None:
        """Dovecot finds our messages with their UIDs, flags and keywords, also after removals and new mail."""
        uids = self.append(*map(numbered, range(6)))
        opened = self.opened()
        self.wait(opened.store(uids[1:3], FlagChange.ADD, frozenset({SEEN, FLAGGED, "$Forwarded"})))
        self.wait(opened.store(uids[3:4], FlagChange.ADD, frozenset({ANSWERED, DELETED})))
        self.wait(opened.remove(uids[4:5]))
        self.deliver(numbered(9))
        self.assert_same()
        self.assertEqual(self.uidvalidity(), self.opened().uidvalidity)
        self.wait(opened.move(uids[:2], "Sent"))
        self.assert_same()
        self.assert_same("Sent")

    def test_we_read_dovecots(self) -> None:
        """What Dovecot saved, flagged and removed is ours too, under the UIDs that Dovecot gave."""
        self.append(numbered(1), numbered(2))
        self.rest()
        for number in (3, 4):
            self.doveadm("save", "-m", "INBOX", stdin=numbered(number).replace(b"\r\n", b"\n"))
        self.doveadm("flags", "add", "\\Seen $Junk", "mailbox", "INBOX", "uid", "2:3")
        self.doveadm("expunge", "mailbox", "INBOX", "uid", "1")
        self.assertEqual(list(self.seen_by_us()), [2, 3, 4])
        self.assertEqual(self.flags(), {2: {SEEN, "$Junk"}, 3: {SEEN, "$Junk"}, 4: frozenset()})
        self.assert_same()
        self.deliver(numbered(5))
        self.assert_same()

    def test_made_by_dovecot(self) -> None:
        """A mailbox that Dovecot made is taken over with UIDVALIDITY and UIDs, and Dovecot goes on with it."""
        self.wait(self.store.stop())
        shutil.rmtree(Path(self.directory) / "example.test", ignore_errors=True)
        (Path(self.directory) / "example.test" / "alice" / "INBOX").mkdir(parents=True)
        for number in range(5):
            self.doveadm("save", "-m", "INBOX", stdin=numbered(number).replace(b"\r\n", b"\n"))
        self.doveadm("flags", "add", "\\Answered word", "mailbox", "INBOX", "uid", "2,4")
        self.doveadm("expunge", "mailbox", "INBOX", "uid", "1,3")
        before, uidvalidity = self.seen_by_dovecot(), self.uidvalidity()
        self.files = FaultyFiles()
        self.store = self.started()
        self.contents()
        self.assertEqual(self.opened().uidvalidity, uidvalidity)
        self.assertEqual(list(self.seen_by_us()), list(before))
        self.assert_same()
        self.deliver(numbered(7))
        self.assert_same()
        self.assertEqual(self.uidvalidity(), uidvalidity)

    def test_by_turns(self) -> None:
        """Both work on one mailbox by turns, and always agree."""
        for turn in range(6):
            self.deliver(numbered(turn))
            self.doveadm("save", "-m", "INBOX", stdin=b"Subject: theirs\n\nturn %d\n" % turn)
            uids = list(self.messages())
            self.wait(self.opened().store(uids[-1:], FlagChange.ADD, frozenset({FLAGGED})))
            self.doveadm("flags", "add", "\\Seen", "mailbox", "INBOX", "uid", str(uids[0]))
            if turn % 2:
                self.wait(self.opened().remove(uids[:1]))
            self.assert_same()

    def test_separators_in_text(self) -> None:
        """Lines that begin with «From » come back to us in each format, and to Dovecot as they were in mboxcl2."""
        line = b"From bob@example.test Tue Nov 14 22:13:20 2023\r\n"
        octets = b"Subject: x\r\n\r\n" + line + b">" + line + b"From me\r\n\r\n" + line + b"end\r\n"
        self.append(octets, numbered(1))
        self.assertEqual(self.contents(), [octets, numbered(1)])
        theirs = [text for _, text in self.seen_by_dovecot().values()]
        self.assertEqual(theirs[0].replace(b"\n>", b"\n").count(b"\nFrom"), 3)
        self.restarted(options=MboxOptions(threads=0, mailboxes={}, format="mboxcl2"))
        self.append(octets, numbered(2))
        self.assertEqual(self.contents(), [octets, numbered(1), octets, numbered(2)])
        self.rest()
        theirs = [text for _, text in self.seen_by_dovecot().values()]
        self.assertEqual(len(theirs), 4)
        self.assertEqual(theirs[2].rstrip(b"\n"), octets.replace(b"\r\n", b"\n").rstrip(b"\n"))

    # mutt.

    def neomutt(self, keys: str, path: str) -> None:
        """Work in a mailbox, and leave it."""
        rc = self.base / "muttrc"
        rc.write_text(
            f"set folder={self.base}\nset mbox_type=mbox\nset record=''\nset move=no\nset delete=yes\nset quit=yes\nset sleep_time=0\nset wait_key=no\n"
            f'set header_cache=""\nset tmpdir="{self.base}"\nset mark_old=no\nset confirmappend=no\npush "{keys}"\n'
        )
        run("script", "-qec", f"{program('neomutt')} -n -F {rc} -f {path}", "/dev/null", stdin=b"",
            env={"HOME": str(self.base), "TERM": "vt100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})  # fmt: skip

    def test_mutt(self) -> None:
        """mutt flags and removes messages; the others keep UIDs and octets."""
        uids = self.append(*map(numbered, range(4)))
        self.rest()
        before = self.messages()
        self.neomutt("<first-entry><delete-message><flag-message><quit>", self.path())
        self.assertEqual(list(self.messages()), uids[1:])
        self.assertEqual(self.messages(), {uid: before[uid] for uid in uids[1:]})
        self.assertIn({FLAGGED}, [flags - {SEEN} for flags in self.flags().values()])
        self.deliver(numbered(7))
        self.assert_same()
