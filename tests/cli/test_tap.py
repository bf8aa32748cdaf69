"""``twistd mailframe``: its options."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from twisted.application.service import IService, IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.python.usage import UsageError
from twisted.scripts.twistd import ServerOptions
from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli import tap

TEXT = """\
[node]
data = "data"
roles = ["mx"]
status = ""

[role.mx]
listen = ["tcp:0:interface=127.0.0.1"]
"""


class TapCase(SynchronousTestCase):
    """A configuration in a directory of its own."""

    def setUp(self) -> None:
        """Write it; be there; catch what is printed for people."""
        self.base = Path(tempfile.mkdtemp(prefix="mf-tap-"))
        self.addCleanup(shutil.rmtree, self.base)
        self.path = self.base / "mailframe.toml"
        self.path.write_text(TEXT)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.base)
        self.printed = io.StringIO()
        self.patch(sys, "__stderr__", self.printed)
        self.patch(os, "environ", {key: value for key, value in os.environ.items() if key != tap.VARIABLE})

    def parse(self, *arguments: str) -> tap.Options:
        """Parsed options, without twistd."""
        options = tap.Options()
        options.parseOptions(list(arguments))
        return options


class OptionsTests(TapCase):
    """All that is wrong is told before anything starts."""

    def test_plan(self) -> None:
        """Options go into the plan."""
        options = self.parse("--config", str(self.path), "--role", "mx", "--workers", "3")
        assert options.plan is not None
        self.assertEqual((list(options.plan.roles), options.plan.workers), (["mx"], 3))

    def test_usual_places(self) -> None:
        """Without --config the variable says where, or the file lies here."""
        plan = self.parse().plan
        assert plan is not None
        self.assertEqual(plan.path, os.path.realpath(self.path))
        os.environ[tap.VARIABLE] = "/nonexistent/mailframe.toml"
        self.assertRaises(SystemExit, self.parse)
        self.assertIn("/nonexistent/mailframe.toml", self.printed.getvalue())

    def test_no_configuration(self) -> None:
        """Where there is none it is said how to make one."""
        self.path.unlink()
        self.patch(tap, "USUAL_PLACES", ("mailframe.toml",))
        error = self.assertRaises(UsageError, self.parse)
        self.assertIn("mailframe init", str(error))

    def test_wrong_usage(self) -> None:
        """Wrong options are told."""
        for arguments, words in (
            (["--workers", "0"], "expected a number from 1 to 1024, got '0'"),
            (["--workers", "many"], "got 'many'"),
            (["mx"], "takes no arguments, only options, but got: mx"),
            (["--colour"], "--colour"),
        ):
            error = self.assertRaises(UsageError, self.parse, "--config", str(self.path), *arguments)
            self.assertIn(words, str(error))

    def test_all_errors_of_the_configuration(self) -> None:
        """Every error is printed, each on its line, and the exit code is 1."""
        self.path.write_text('[node]\nroles = ["mxx"]\nworkers = 0\ncolour = "blue"\n')
        ended = self.assertRaises(SystemExit, self.parse)
        self.assertEqual(ended.code, 1)
        places = [line.rpartition("/")[2].partition(": ")[0] for line in self.printed.getvalue().splitlines()]
        self.assertEqual(places, ["mailframe.toml:2", "mailframe.toml:3", "mailframe.toml:4"])

    def test_unknown_role(self) -> None:
        """A role that does not exist is told, with what may have been meant."""
        self.assertRaises(SystemExit, self.parse, "--role", "mxx")
        self.assertIn('did you mean "mx"', self.printed.getvalue())

    def test_log_file_that_cannot_be_opened(self) -> None:
        """A log file in a directory that is not there is told."""
        self.path.write_text(TEXT + '[log]\nfile = "/nonexistent/log"\n')
        self.assertRaises(SystemExit, self.parse)
        self.assertIn("/nonexistent/log cannot be opened: No such file", self.printed.getvalue())


class TwistdTests(TapCase):
    """Together with twistd's own options."""

    def twistd(self, *arguments: str) -> ServerOptions:
        """The parsed command line of twistd."""
        options = ServerOptions()
        with mock.patch("sys.argv", ["twistd"]):
            options.parseOptions(
                [*arguments[:-1], "mailframe", *arguments[-1:]] if arguments else ["mailframe"]
            )
        return options

    def outlet(self, *arguments: str) -> tap.LogOutlet:
        """Where the log goes."""
        options: Any = self.twistd(*arguments, "--config=mailframe.toml").subOptions
        assert options.outlet is not None
        if options.outlet.descriptor is not None:
            self.addCleanup(os.close, options.outlet.descriptor)
        return options.outlet  # type: ignore[no-any-return]

    def test_is_declared(self) -> None:
        """twistd finds us."""
        makers = {maker.tapname: maker for maker in getPlugins(IServiceMaker)}
        self.assertEqual(makers["mailframe"].module, "mailframe.cli.tap")

    def test_log_under_nodaemon(self) -> None:
        """In the foreground the log goes to standard output, in our form."""
        self.assertIsNone(self.outlet("-n").descriptor)
        self.assertIsNone(self.outlet("-n", "--logfile=-").descriptor)

    def test_log_of_a_daemon(self) -> None:
        """A daemon logs into twistd's file, or the one it is told."""
        self.outlet()
        self.assertTrue((self.base / "twistd.log").exists())
        self.outlet("--logfile=other.log")
        self.assertTrue((self.base / "other.log").exists())
        self.path.write_text(TEXT + '[log]\nfile = "ours.log"\n')
        self.outlet("--logfile=not.log")
        self.assertTrue((self.base / "ours.log").exists())
        self.assertFalse((self.base / "not.log").exists())

    def test_twistd_logs_as_we_do(self) -> None:
        """twistd uses our observer, unless it was told another."""
        options = self.twistd("-n", "--config=mailframe.toml")
        self.assertIs(options["logger"], tap.log_observer)
        self.assertIsNotNone(tap.log_observer())
        options = self.twistd("-n", "--logger=twisted.logger.LogPublisher", "--config=mailframe.toml")
        self.assertEqual(options["logger"].__name__, "LogPublisher")


class MakeServiceTests(TapCase):
    """The service."""

    def test_service(self) -> None:
        """Nothing is opened before it is started."""
        service = tap.makeService(self.parse(), MemoryReactorClock())
        self.assertTrue(IService.providedBy(service))
        self.assertFalse((self.base / "data").exists())

    def test_port_taken(self) -> None:
        """When a port cannot be opened the process ends with code 1, before privileges are given up."""
        self.path.write_text(TEXT.replace("tcp:0:interface=127.0.0.1", "tcp:0:interface=192.0.2.1"))
        from twisted.internet import reactor

        self.patch(reactor, "running", False)
        service = tap.makeService(self.parse(), reactor)
        ended = self.assertRaises(SystemExit, service.privilegedStartService)
        self.assertEqual(ended.code, 1)
