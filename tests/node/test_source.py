"""Plans from configuration files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.node.plan import IPlanSource, PlanError
from mailframe.node.source import BUILD, FileSource

TEXT = """\
[node]
hostname = "mail.example.test"
workers = 3
data = "kept"
roles = ["mx", "store"]
drain_time = "2m"
connections = 7

[role.mx]
listen = ["tcp:2525"]

[role.store]
lmtp = ["unix:lmtp.sock:mode=660"]
imap = ["tcp:2143:interface=127.0.0.1"]
pop3 = []
"""


class FileSourceTests(SynchronousTestCase):
    """The whole file is checked before anything is planned."""

    def setUp(self) -> None:
        """A file."""
        self.base = Path(tempfile.mkdtemp(prefix="mf-source-"))
        self.addCleanup(shutil.rmtree, self.base)
        self.path = self.base / "mailframe.toml"
        self.path.write_text(TEXT)

    def test_plan(self) -> None:
        """What the parent must know comes from the file."""
        source = FileSource(str(self.path))
        verifyObject(IPlanSource, source)
        plan = source.load()
        self.assertEqual(plan.build, BUILD)
        self.assertEqual(plan.text, TEXT)
        self.assertEqual((list(plan.roles), plan.workers), (["mx", "store"], 3))
        self.assertEqual(plan.data, str(self.base / "kept"))
        self.assertEqual(plan.control, str(self.base / "kept" / "control"))
        self.assertEqual((plan.drain_time, plan.connections), (120.0, 7))
        self.assertEqual(
            list(plan.listen),
            ["tcp:2525", f"unix:{self.base}/lmtp.sock:mode=660", "tcp:2143:interface=127.0.0.1"],
        )

    def test_command_line_wins(self) -> None:
        """Roles and workers of the command line take the place of the file's, at each reload too."""
        source = FileSource(str(self.path), ["mx"], 1)
        for _ in range(2):
            plan = source.load()
            self.assertEqual((list(plan.roles), plan.workers, list(plan.listen)), (["mx"], 1, ["tcp:2525"]))

    def test_all_errors(self) -> None:
        """All that is wrong is told, with file and line."""
        self.path.write_text('[node]\nworkers = "many"\n\n[role.mx]\nlisten = ["tcp:99999"]\ncolour = 1\n')
        with self.assertRaises(PlanError) as raised:
            FileSource(str(self.path)).load()
        lines = [error.partition(": ")[0] for error in raised.exception.errors]
        self.assertEqual(lines, [f"{self.path}:2", f"{self.path}:5", f"{self.path}:6"])

    def test_missing(self) -> None:
        """A file that is not there is told, with what to do."""
        with self.assertRaises(PlanError) as raised:
            FileSource(str(self.base / "none.toml")).load()
        self.assertIn("cannot be read: No such file or directory", raised.exception.errors[0])
