"""Several processes on the same files: ours, and one that is killed."""

from __future__ import annotations

import mailbox
import os
import random
import signal
import subprocess
import sys
import time

from mailframe.store.mbox.tree import Tree
from mailframe.store.values import FLAGGED, FlagChange

from .fixture import FROM, MboxCase, numbered

ROUNDS = int(os.environ.get("MAILFRAME_CRASH_ROUNDS", "3"))


class TwoStoresTests(MboxCase):
    """Two of our processes."""

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second = self.store, self.started()
        self.addCleanup(lambda: self.wait(self.second.stop()))

    def test_by_turns(self) -> None:
        """What one does the other sees, whoever delivers, flags or removes."""
        expected: dict[int, bytes] = {}
        for turn in range(12):
            self.store = (self.first, self.second)[turn % 2]
            (uid,) = self.append(numbered(turn))
            expected[uid] = numbered(turn)
            self.store = (self.second, self.first)[turn % 2]
            self.assertEqual(self.messages(), expected)
            self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({FLAGGED})))
            if turn % 3 == 2:
                first = min(expected)
                self.assertEqual(self.wait(self.opened().remove([first])), [first])
                del expected[first]
            self.rest()
        self.store = self.first
        self.assertEqual(set(self.flags().values()), {frozenset({FLAGGED})})
        self.assertEqual([one.get_flags() for one in mailbox.mbox(self.path())], ["F"] * len(expected))

    def test_made_and_deleted_meanwhile(self) -> None:
        """A mailbox that one process makes and deletes while the other looks for mailboxes does not come back."""
        calls, unknown = [], Tree.unknown

        def late(tree: Tree) -> list[tuple[str, str]]:
            calls.append(tree)
            return [("Doomed", "Doomed")] if len(calls) == 1 else unknown(tree)

        self.patch(Tree, "unknown", late)
        names = [entry.name for entry in self.wait(self.account().mailboxes())]
        self.assertNotIn("Doomed", names)
        self.assertGreater(len(calls), 1)

    def test_killed_in_the_middle_of_a_deletion(self) -> None:
        """A process that has the account open keeps the mail of a mailbox that another was killed over."""
        self.wait(self.account().create("Box"))
        uids = self.append(numbered(1), numbered(2), mailbox="Box")
        self.rest()
        self.store = self.second
        self.assertEqual(list(self.messages("Box")), uids)
        mailbox_id = self.opened("Box").mailbox_id
        account = self.path("Box").rpartition("/Box")[0]
        os.rename(self.path("Box"), os.path.join(account, f".deleted-{mailbox_id}"))
        self.assertEqual(self.messages("Box"), dict(zip(uids, map(numbered, (1, 2)), strict=True)))


class KilledTests(MboxCase):
    """A process that delivers, flags and removes, killed at any instant, beside a delivery program."""

    def storm(self, label: str, seconds: float) -> list[str]:
        """Let it work for a while, append as another program meanwhile, kill it; what it has answered for."""
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.store.mbox.storm", self.directory, label],
            stdout=subprocess.PIPE, text=True, cwd=root,
        )  # fmt: skip
        assert process.stdout is not None
        answered = [process.stdout.readline()]
        box, number = mailbox.mbox(self.path(), create=False), 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number += 1
            try:
                box.lock()
            except mailbox.ExternalClashError:
                continue
            with open(self.path(), "ab") as file:
                file.write(FROM + b"Subject: other-%s-%d\n\nx\n\n" % (label.encode(), number))
            box.unlock()
            answered.append(f"other-{label}-{number}\n")
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        answered += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        return [line.strip() for line in answered if line.endswith("\n")]

    def test_killed(self) -> None:
        """Every message that was answered for is there, once and whole, and the file has what the catalogue has."""
        self.append(numbered(0))
        self.wait(self.store.stop())
        expected: list[str] = []
        for number in range(ROUNDS):
            expected += self.storm(f"r{number}", random.uniform(0.3, 0.7))
        self.files = type(self.files)()
        self.files.time_is = time.time()
        self.store = self.started()
        contents = self.contents()
        subjects = [octets.split(b"\r\n")[0].decode().removeprefix("Subject: ") for octets in contents]
        # What was to be removed when the process was killed may be there still.
        kept = [name for name in subjects if name != "to be removed"]
        self.assertEqual(len(kept), len(set(kept)))
        self.assertLessEqual(len(subjects) - len(kept), ROUNDS)
        self.assertEqual([name for name in expected if name not in subjects], [])
        for octets in contents:
            self.assertTrue(octets.endswith(b"\r\n"), octets[:200])
        self.restarted()
        self.assertEqual([one["Subject"] for one in mailbox.mbox(self.path())], subjects)
