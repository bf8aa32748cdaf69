"""Runs the commands of the page «Mail in the queue»."""

from __future__ import annotations

import shlex

from mailframe.queue.values import State
from tests.cli.test_queue import QueueTestCase, message

from .pages import DOCS, commands

PLACE = "/srv/mail"


class QueueCommandTests(QueueTestCase):
    """Every line of the page works."""

    def test_page(self) -> None:
        """Each line in turn, on a queue with the message that the page names."""
        named = message("M82MP2XTXM25TK02", ("bob@example.net", State.HELD), ("eve@example.org", State.DUE))
        self.spool.messages[named.message.queue_id] = named
        lines = commands(DOCS / "queue-commands.rst")
        self.assertEqual(len(lines), 14)
        for line in lines:
            program, *words = shlex.split(line.replace(f"{PLACE}/mailframe.toml", str(self.config)))
            self.assertEqual(program, "mailframe")
            self.run_command(*[word.replace(PLACE, str(self.place)) for word in words])
        self.assertTrue((self.place / "stolen" / "M82MP2XTXM25TK02.eml").exists())
