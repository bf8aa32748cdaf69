"""Every command in the documentation does what the page says, in a scratch directory."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailframe.cli.template import PORTS
from tests.ports import claim

from .generated import metric_names
from .pages import DOCS, PAGES, ROOT, blocks, commands

PLACE = "/srv/mail"
ELSEWHERE = {
    "make run": "tests.docs.test_commands.QuickstartTests",
    "make test": "the suite itself",
    "make lint": ".ci/run",
    "make docs": ".ci/run",
    "mailframe mailbox access bob@example.org Projects alice@example.org lrs": "tests.cli.test_mailbox",
    "mailframe mailbox restore alice@example.org INBOX --since 2d": "tests.cli.test_mailbox",
    "twistd -n --uid=mail --gid=mail mailframe --config /etc/mailframe/mailframe.toml": "tests.node.test_twistd",
}
"""Commands that are run by something else than this module, and by what."""
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "submission.rst"), "tests.docs.test_submission"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "delivery.rst"), "tests.docs.test_delivery"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "dns.rst"), "tests.docs.test_dns"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "queue-commands.rst"), "tests.docs.test_queue_commands"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "moving-mail.rst"), "tests.docs.test_moving_mail"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "adoption.rst"), "tests.docs.test_adoption"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "addresses.rst"), "tests.docs.test_addresses"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "provisioning.rst"), "tests.docs.test_provisioning"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "http-api.rst"), "tests.docs.test_http_api"))
ELSEWHERE.update(dict.fromkeys(commands(DOCS / "full-text.rst"), "tests.cli.test_mailbox_texts"))
ELSEWHERE.update(
    (line, "tests.cli.test_mailbox_check")
    for line in commands(DOCS / "mailboxes.rst")
    if line.startswith(("mailframe mailbox check", "mailframe mailbox repair"))
)
_PROGRAMS = {
    "mailframe": [sys.executable, "-c", "from mailframe.cli import main; main()"],
    "twistd": [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"],
}


def free_offset() -> int:
    """A number that, added to each of the usual ports, gives ports that nobody listens on."""
    for offset in range(10_000 + os.getpid() % 200 * 50, 29_000, 7):
        if claim(port + offset for port in PORTS.values()):
            return offset
    raise AssertionError("no ports are free")


class ScratchCase(SynchronousTestCase):
    """A test with a scratch directory whose path is short enough for a UNIX socket."""

    def setUp(self) -> None:
        """A directory, and an environment in which this tree is what is imported."""
        self.place = Path(tempfile.mkdtemp(prefix="mf-docs-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}

    def begin(self, line: str, log: Path | None = None) -> subprocess.Popen[str]:
        """Start one line of a page, with the scratch directory in the place of the page's."""
        words = shlex.split(line.replace(PLACE, str(self.place / "mail")))
        output = open(log, "w") if log else subprocess.PIPE  # noqa: SIM115 - the process has it
        try:
            return subprocess.Popen(
                [*_PROGRAMS[words[0]], *words[1:]],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, text=True,
                cwd=self.place, env=self.environment,
            )  # fmt: skip
        finally:
            if log:
                output.close()  # type: ignore[union-attr]

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Stop it as Ctrl-C does, and wait."""
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def run_line(self, line: str) -> str:
        """Run one line to its end; its output."""
        process = self.begin(line)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, f"{line}\n{output}")
        return output


class PageTests(SynchronousTestCase):
    """No command stands in the documentation that nobody runs."""

    def test_every_command_is_known(self) -> None:
        """Each line of each page is run here or said to be run elsewhere; none is said that is not there."""
        pages = [*PAGES, ROOT / "README.rst", ROOT / "CONTRIBUTING.rst"]
        shown = {line for page in pages for line in commands(page)}
        here = {line for line in commands(DOCS / "getting-started.rst") if line not in ELSEWHERE}
        self.assertEqual(shown - here, set(ELSEWHERE))
        self.assertEqual({shlex.split(line)[0] for line in here}, set(_PROGRAMS))


class GettingStartedTests(ScratchCase):
    """«A service of your own», line by line."""

    def test_page(self) -> None:
        """Each line works where it stands; the message comes out, the log and the figures are as documented."""
        offset = free_offset()
        service, log = None, self.place / "log"
        outputs = {}
        for line in commands(DOCS / "getting-started.rst"):
            if line in ELSEWHERE:
                continue
            if line.startswith("mailframe init"):
                line += f" --port-offset {offset} --workers 1"
            if line.startswith("twistd"):
                service = self.begin(line, log)
                self.addCleanup(self.stop, service)
                self.wait_for(PORTS["status"] + offset, log)
            else:
                outputs[line.split()[1]] = self.run_line(line)
        self.assertIsNotNone(service)
        self.assertIn("bob@example.test   password ", outputs["init"])
        self.assertIn("carol@example.org", outputs["account"])
        self.assertTrue(outputs["read"].endswith("\nIs this on?\n"), outputs["read"])
        self.assertIn("generation 2", outputs["reload"])
        self.check_log(log.read_text())
        with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['status'] + offset}/metrics") as answer:
            told = set(re.findall(r"^# TYPE (\w+) ", answer.read().decode(), re.M))
        self.assertEqual(told - metric_names(), set(), "figures that the page of metrics does not have")
        with urllib.request.urlopen(f"http://127.0.0.1:{PORTS['status'] + offset}/healthz") as answer:
            (shown,) = [block.text for block in blocks(DOCS / "operation.rst") if block.language == "json"]
            self.assertEqual(json.loads(answer.read()), json.loads(shown))

    def wait_for(self, port: int, log: Path) -> None:
        """Wait until the service says that it is well."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(log.read_text())

    def check_log(self, text: str) -> None:
        """The log has each documented line, but for ids and numbers."""
        shown = [b.text for b in blocks(DOCS / "operation.rst") if b.classes == "log"]
        self.assertEqual(len(shown), 1)
        there = {masked(line) for line in text.splitlines()}
        for line in shown[0].splitlines():
            self.assertIn(masked(line), there, text)


class QuickstartTests(ScratchCase):
    """``make run`` of the README, but for the installation."""

    def test_screen(self) -> None:
        """The lines it prints send a message and read it back; it stops when asked to."""
        process = self.begin(f"mailframe quickstart run --port-offset {free_offset()}")
        self.addCleanup(self.stop, process)
        assert process.stdout is not None
        screen = ""
        while "Ctrl-C stops it" not in screen:
            line = process.stdout.readline()
            self.assertTrue(line, screen)
            screen += line
        send, read, python = re.findall(r"^  (\S*mailframe (?:send|read) .*|python3 -c .*)$", screen, re.M)
        self.run_line(re.sub(r"^\S*mailframe", "mailframe", send))
        self.assertIn("Is this on?", self.run_line(re.sub(r"^\S*mailframe", "mailframe", read)))
        subprocess.run([sys.executable, *shlex.split(python)[1:]], check=True, timeout=30)
        listed = self.run_line(re.sub(r"^\S*mailframe", "mailframe", read) + " --list --json")
        self.assertEqual(len(json.loads(listed)), 2, listed)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(30), 0)


def masked(line: str) -> str:
    """A log line without what differs each time."""
    line = re.sub(r"\b[0-9A-Z]{10,}\b", "ID", line.split("Z ", 1)[-1])
    return re.sub(r"\d+(\.\d+)?(e-\d+)?", "N", line)
