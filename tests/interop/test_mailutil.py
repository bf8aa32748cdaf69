"""mailutil of the University of Washington: the same library, c-client, is in alpine and in PHP."""

from __future__ import annotations

import os
import subprocess
import threading

from .outside import ClientCase
from .service import PASSWORD, node, program


class MailutilTests(ClientCase):
    """Each call is a session of its own, in a terminal: it asks for the password."""

    account = "mailutil@example.test"

    def mailutil(self, *words: str, ok: int = 0) -> bytes:
        """One call; an argument that starts with ``=`` is a mailbox of the account."""
        at = f"{{localhost:{node().ports['imaps']}/imap/ssl/novalidate-cert/user={self.account}}}"
        arguments = [f"'{at}{word[1:]}'" if word.startswith("=") else f"'{word}'" for word in words]
        process = subprocess.Popen(
            [program("script"), "-qefc", f"{program('mailutil')} {' '.join(arguments)}", "/dev/null"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"HOME": str(self.place), "TERM": "vt100", "PATH": os.environ["PATH"] + ":/usr/bin:/bin"},
        )  # fmt: skip
        watch = threading.Timer(60, process.kill)
        watch.daemon = True
        watch.start()
        assert process.stdin is not None
        assert process.stdout is not None
        said, asked = b"", 0
        while octets := os.read(process.stdout.fileno(), 4096):
            said += octets
            # What is typed before it asks is thrown away.
            if said.count(b"assword:") > asked:
                asked += 1
                process.stdin.write(f"{PASSWORD}\n".encode())
                process.stdin.flush()
        process.stdin.close()
        process.stdout.close()
        watch.cancel()
        self.assertEqual(process.wait(20), ok, said)
        return said

    def test_mailboxes(self) -> None:
        """It makes, renames and removes them."""
        self.mailutil("create", "=Plans")
        self.assertIn("Plans", self.mailboxes())
        self.mailutil("rename", "=Plans", "=Ideas")
        self.assertIn("Ideas", self.mailboxes())
        self.mailutil("delete", "=Ideas")
        self.assertFalse({"Plans", "Ideas"} & set(self.mailboxes()))

    def test_messages(self) -> None:
        """It copies by APPEND between two sessions, moves, and removes what matches; flags and keywords go along."""
        self.fill("Desk", "one", "two", flags="(\\Seen $Work)")
        self.fill("Desk", "three")
        self.assertIn(b"3", self.mailutil("check", "=Desk"))
        self.mailutil("copy", "-kw", "=Desk", "=Copy")
        self.assert_letters("Copy", "one", "two", "three")
        self.assertEqual(self.flags("Copy")["one"], {"\\Seen", "$Work"})
        # Its code is 1 although it does as it is told.
        self.assertIn(b"1 message(s) purged", self.mailutil("prune", "=Desk", "subject two", ok=1))
        self.assert_letters("Desk", "one", "three")
        self.mailutil("appenddelete", "-kw", "=Desk", "=Copy")
        self.assertEqual(self.rows("Desk"), [])
        self.assertEqual(len(self.rows("Copy")), 5)
