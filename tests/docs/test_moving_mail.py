"""Runs the commands of the page «Moving mail»."""

from __future__ import annotations

import os
import shlex

from mailframe.store.values import INBOX, TakenMailbox
from mailframe.transfer.remote import imap, pop3
from tests.cli.runner import ALICE, BOB
from tests.cli.test_transfer import OLD, TransferCommandTestCase
from tests.transfer.fixture import ListSource, message

from .pages import DOCS, blocks, commands

PLACES = {
    "/srv/mail/mailframe.toml": "{config}",
    "/home/alice/Maildir": "tree",
    "/var/mail/alice": "old.mbox",
}


def server(peer, mailboxes=()):
    """Stands for the old server of the page."""
    return ListSource({INBOX: (TakenMailbox(77), [message(1), message(5)])})


class MovingMailTests(TransferCommandTestCase):
    """Every line of the page works."""

    def test_page(self) -> None:
        """Each line in turn, with an old server, a Maildir and mbox files to take mail from."""
        self.patch(imap, "IMAPSource", server)
        self.patch(pop3, "POP3Source", server)
        before = os.getcwd()
        os.chdir(self.place)
        self.addCleanup(os.chdir, before)
        self.old.write_bytes(OLD)
        self.on_service("import", ALICE, "old.mbox", "--into", "Some")
        self.on_service("export", ALICE, "tree", "--format", "maildir")
        self.on_service("import", BOB, "old.mbox")
        with self.config.open("a") as file:
            file.write(
                next(block.text for block in blocks(DOCS / "moving-mail.rst") if block.language == "text")
            )
        lines = commands(DOCS / "moving-mail.rst")
        self.assertEqual(len(lines), 13)
        for line in lines:
            program, *words = shlex.split(line)
            self.assertEqual(program, "mailframe")
            words = [PLACES.get(word, word).format(config=self.config) for word in words]
            self.run_command(*words, stdin="secret\n")
