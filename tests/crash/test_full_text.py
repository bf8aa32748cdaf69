"""kill -9 in the middle of filling an index of texts."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.text.interfaces import InBody
from mailframe.store.text.sqlite.index import SQLiteTexts
from mailframe.testing.text_index import mailbox_row

ROUNDS = max(4, int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "4")))
FILLING = """
import sys
from mailframe.store.text.sqlite.index import SQLiteTexts
from mailframe.testing.text_index import mailbox_row, text
index, row = SQLiteTexts(sys.argv[1]), mailbox_row()
print("begun", flush=True)
while True:
    first = index.covered(row)
    index.add(row, [text(uid, f"number {uid} " + "x" * 5000) for uid in range(first, first + 20)], first, first + 20)
    alive = range(1, first + 20, 2)
    index.tidy([row._replace(messages=len(alive))], lambda mailbox: alive)
"""


class FillingTests(SynchronousTestCase):
    """A process that fills an index, and drops half of it again."""

    timeout = 30 + 5 * ROUNDS

    def test_killed(self) -> None:
        """Whenever it is killed, the index is whole: messages that are there and covered are found."""
        place = tempfile.mkdtemp(prefix="mailframe-crash-")
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        catalogue, chance, before = os.path.join(place, "catalogue"), random.Random(7), 1
        for _ in range(ROUNDS):
            with subprocess.Popen(
                [sys.executable, "-c", FILLING, catalogue], stdout=subprocess.PIPE
            ) as filling:
                assert filling.stdout is not None
                filling.stdout.readline()
                time.sleep(chance.uniform(0.05, 0.4))
                filling.send_signal(signal.SIGKILL)
            index, row = SQLiteTexts(catalogue), mailbox_row()
            covered = index.covered(row)
            self.assertGreater(covered, before)
            before = covered
            found: set[int] = set()
            first: int | None = 1
            while first is not None:
                part = index.find(row, InBody("number"), first)
                found.update(part.uids)
                first = part.next
            self.assertEqual(set(range(1, covered, 2)) - found, set())
            self.assertLessEqual(max(found), covered - 1)
            index.close()
