"""A whole node in real processes over a directory: for crash tests, interop, and the node's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mailframe.directory.passwords import make_hash
from mailframe.directory.sqlite import SQLiteDirectory
from mailframe.node import control_client
from mailframe.tls.development import make_certificate
from tests.ports import free_ports

PORTS = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s", "status", "router")
ROOT = str(Path(__file__).parents[2])
_TWISTD = "from twisted.scripts.twistd import run; run()"


class Node:
    """One node; another object over the same directory has the same accounts and mail, but other ports.

    Args:
        base: a directory; everything is in it.
        accounts: addresses and passwords.
        roles: what runs.
        workers: how many processes.
        extra: more lines of configuration, by section: ``{"node": ["drain_time = \\"1s\\""]}``.
        twistd: more options of twistd itself.

    Attributes:
        ports: by name, see `PORTS`.
        certificate: PEM file to trust.
        configuration: the configuration file.
    """

    def __init__(
        self,
        base: str,
        accounts: Mapping[str, str],
        roles: Sequence[str] = ("mx", "relay", "store"),
        workers: int = 2,
        extra: Mapping[str, Sequence[str]] | None = None,
        twistd: Sequence[str] = (),
    ) -> None:
        self.base = Path(base)
        self.data = self.base / "data"
        self.log = self.base / "node.log"
        self.configuration = self.base / "mailframe.toml"
        self.certificate = self.base / "tls" / "certificate.pem"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.process: subprocess.Popen[bytes] | None = None
        self._accounts = accounts
        self._roles = roles
        self._workers = workers
        self._extra = extra or {}
        self._twistd = twistd

    # Life.

    def start(self, wait: float = 30.0) -> None:
        """Start it and wait until all listeners serve."""
        self.prepare()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _TWISTD,
                    "-n",
                    "--pidfile=",
                    *self._twistd,
                    "mailframe",
                    "--config",
                    str(self.configuration),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.base,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])},
            )
        self.wait_for("running", wait)

    def stop(self, wait: float = 20.0) -> int:
        """Stop it in order; its exit code. A node that does not run is fine."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(wait)
        except subprocess.TimeoutExpired:
            self.kill_everything()
            raise AssertionError(f"the node did not stop:\n{self.tail()}") from None

    def kill_everything(self) -> None:
        """SIGKILL for parent and workers, at once."""
        assert self.process is not None
        pids = [self.process.pid, *self.children()]
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        for pid in pids[1:]:
            self.wait_gone(pid)

    def prepare(self) -> None:
        """Write configuration, certificate and accounts."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        if not self.certificate.exists():
            make_certificate(str(self.certificate.parent), ["localhost", "127.0.0.1", "mail.example.test"])
        self.write_configuration()
        directory = SQLiteDirectory(str(self.data / "directory.sqlite"), None)
        known = {account.name for account in directory.accounts()}
        for address, password in self._accounts.items():
            directory.add_domain(address.partition("@")[2])
            if address not in known:
                directory.add_account(address, make_hash(password, "SSHA256"))

    def write_configuration(self, text: str | None = None) -> None:
        """Write the file: a right one, or the one that is given."""
        self.configuration.write_text(self.text() if text is None else text)

    def text(self, workers: int | None = None) -> str:
        """A right configuration."""
        at = {name: f"{port}:interface=127.0.0.1" for name, port in self.ports.items()}
        sections: dict[str, list[str]] = {
            "node": [
                'hostname = "mail.example.test"',
                'data = "data"',
                f"roles = {[*self._roles]}",
                f"workers = {workers or self._workers}",
                f'status = "tcp:{at["status"]}"',
            ],
            "tls": ['certificates = [{certificate = "tls/certificate.pem", key = "tls/key.pem"}]'],
            "role.mx": [f'listen = ["tcp:{at["smtp"]}"]'],
            "role.relay": [f'listen = ["tcp:{at["submission"]}", "ssl:{at["submissions"]}"]'],
            "role.store": [
                f'lmtp = ["tcp:{at["lmtp"]}"]',
                f'imap = ["tcp:{at["imap"]}", "ssl:{at["imaps"]}"]',
                f'pop3 = ["tcp:{at["pop3"]}", "ssl:{at["pop3s"]}"]',
            ],
            "role.store.imap_options": ["clear_auth_from_loopback = true"],
            "role.store.pop3_options": ["clear_auth_from_loopback = true"],
        }
        if "router" in self._roles:
            sections["role.router"] = [f'listen = ["tcp:{at["router"]}"]']
        for section, lines in self._extra.items():
            sections.setdefault(section, []).extend(lines)
        return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())

    # Looks.

    def ask(self, command: str, timeout: float = 30.0) -> dict[str, Any]:
        """Ask by the control socket."""
        return control_client.request(str(self.data / "control"), {"command": command}, timeout)

    def wait_for(self, state: str, wait: float = 30.0) -> dict[str, Any]:
        """Wait until the node says it is in a state; its status."""
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the node ended with {self.process.returncode}:\n{self.tail()}")
            try:
                status = self.ask("status")
            except control_client.ControlError:
                status = {}
            if status.get("state") == state:
                return status
            time.sleep(0.02)
        raise AssertionError(f"the node is not {state} after {wait} s:\n{self.tail()}")

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that live."""
        return [int(worker["pid"]) for worker in self.ask("status")["workers"]]

    def children(self) -> list[int]:
        """Process ids of the workers, without asking the node."""
        assert self.process is not None
        try:
            text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except FileNotFoundError:
            return []
        return [int(pid) for pid in text.split()]

    def wait_for_line(self, text: str, wait: float = 10.0) -> None:
        """Until the log says something; workers write their lines a moment after what they tell of."""
        deadline = time.monotonic() + wait
        while text not in self.log.read_text(errors="replace"):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"the log does not say {text!r}:\n{self.log.read_text(errors='replace')}"
                )
            time.sleep(0.02)

    def wait_gone(self, pid: int, wait: float = 15.0) -> None:
        """Wait until a process is no more."""
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return
            # In a container nobody may reap what was orphaned: a zombie is gone enough.
            if stat.rpartition(")")[2].split()[0] == "Z":
                return
            time.sleep(0.02)
        raise AssertionError(f"process {pid} is still there after {wait} s")

    def tail(self, lines: int = 40) -> str:
        """The end of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(no log)"
