"""Where the log goes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailframe.node.logs import LogOutlet


class LogOutletTests(SynchronousTestCase):
    """One file for all processes."""

    def setUp(self) -> None:
        """A file, and a publisher of our own."""
        self.base = Path(tempfile.mkdtemp(prefix="mf-log-"))
        self.addCleanup(shutil.rmtree, self.base)
        self.path = self.base / "log"
        self.outlet = LogOutlet(str(self.path))
        assert self.outlet.descriptor is not None
        self.addCleanup(os.close, self.outlet.descriptor)

    def log(self, level: str = "info", namespace: str = "mailframe.test") -> Logger:
        """A logger into it."""
        return Logger(namespace, observer=LogPublisher(self.outlet.observer("readable", level)))

    def test_workers_write_there_too(self) -> None:
        """Lines of parent and workers come one after another, in one file."""
        self.log().info("from the parent")
        assert self.outlet.descriptor is not None
        os.write(self.outlet.descriptor, b"from a worker\n")
        self.log().info("from the parent again")
        lines = self.path.read_text().splitlines()
        self.assertEqual([line.split("  ")[-1].split(" from")[-1] for line in lines][1], "from a worker")
        self.assertEqual(len(lines), 3)

    def test_reopen(self) -> None:
        """After the file was renamed away, a reload begins a new one."""
        log = self.log()
        log.info("before")
        self.path.rename(self.base / "log.1")
        log.info("between")
        self.outlet.reopen()
        log.info("after")
        self.assertEqual(len((self.base / "log.1").read_text().splitlines()), 2)
        self.assertIn("after", self.path.read_text())

    def test_reopen_refused(self) -> None:
        """When the new file cannot be opened, the old one goes on."""
        log = self.log()
        self.path.rename(self.base / "log.1")
        self.path.mkdir()
        self.outlet.reopen()
        log.info("still there")
        self.assertIn("still there", (self.base / "log.1").read_text())

    def test_twisted_is_quiet(self) -> None:
        """What Twisted says of its ports is not written, its warnings are; at debug all is."""
        self.log("info", "twisted.internet.tcp").info("port opened")
        self.log("info", "twisted.internet.tcp").warn("port broken")
        self.log("debug", "twisted.internet.tcp").info("in detail")
        text = self.path.read_text()
        self.assertNotIn("port opened", text)
        self.assertIn("port broken", text)
        self.assertIn("in detail", text)

    def test_standard_output(self) -> None:
        """Without a file there is nothing to inherit and nothing to open anew."""
        outlet = LogOutlet(None)
        self.assertIsNone(outlet.descriptor)
        outlet.reopen()
