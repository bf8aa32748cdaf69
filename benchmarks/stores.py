"""Mail stores to measure, each started in a directory of its own on loopback: Mailframe and Dovecot, by backend."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import peers

PASSWORD = "wonderland-2580"
NOBODY = peers.NOBODY


class Store:
    """A server that takes mail by LMTP and gives it out by IMAP.

    Args:
        name: what it is called in tables.
        base: its directory; made.
        accounts: local parts.
        ways: words that say how it is set up; what they mean is each server's own.

    Attributes:
        lmtp, imap, imaps, pop3, pop3s: ports.
        pid: of its first process.
    """

    def __init__(self, name: str, base: Path, accounts: list[str], ways: Sequence[str] = ()) -> None:
        self.name = " ".join((name, *ways))
        self.base = base
        self.accounts = accounts
        self.ways = frozenset(ways)
        self.lmtp, self.imap, self.imaps, self.pop3, self.pop3s = (peers.free_port() for _ in range(5))
        self.pid = 0
        base.mkdir(parents=True)

    def prepare(self) -> None:
        """Write its configuration; once."""
        raise NotImplementedError

    def start(self, careless: bool = False) -> None:
        """Start it.

        Args:
            careless: nothing need be durable; mailboxes are being filled.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it, and wait for its end."""
        raise NotImplementedError

    @property
    def mail(self) -> Path:
        """Where its mail lies."""
        raise NotImplementedError

    def disk_octets(self) -> int:
        """What its mail takes on the disk."""
        counted = subprocess.run(["du", "-s", "-B1", self.mail], check=True, capture_output=True, text=True)
        return int(counted.stdout.split()[0])

    def _greets(self) -> None:
        """Wait until IMAP is served."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.imap), 1) as connection:
                    if connection.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not greet")


class Mailframe(Store):
    """A node with the store role and as many workers as cores; ``one`` among its ways is one worker.

    Args:
        backend: of its store.
    """

    def __init__(self, backend: str, base: Path, accounts: list[str], ways: Sequence[str] = ()) -> None:
        super().__init__(f"mailframe {backend}", base, accounts, ways)
        self._backend = backend

    @property
    def mail(self) -> Path:
        return self.base / "data" / "mail"

    def prepare(self) -> None:
        """As `mailframe init` does it, with this backend."""
        command = Path(sys.executable).parent / "mailframe"
        people = [
            word for name in self.accounts for word in ("--account", f"{name}@{peers.DOMAIN}:{PASSWORD}")
        ]
        made = self.base / "made"
        subprocess.run(
            [command, "init", made, "--domain", peers.DOMAIN, *people], check=True, capture_output=True
        )
        (made / "data").rename(self.base / "data")
        (made / "tls").rename(self.base / "tls")
        (self.base / "mailframe.toml").write_text(
            textwrap.dedent(f"""\
            [node]
            hostname = "mail.{peers.DOMAIN}"
            data = "data"
            roles = ["store"]
            status = ""
            connections = 15000
            {"workers = 1" if "one" in self.ways else ""}

            [[tls.certificates]]
            certificate = "tls/certificate.pem"
            key = "tls/key.pem"

            [store]
            backend = "{self._backend}"

            [role.store]
            lmtp = ["tcp:{self.lmtp}:interface=127.0.0.1"]
            imap = ["tcp:{self.imap}:interface=127.0.0.1", "ssl:{self.imaps}:interface=127.0.0.1"]
            pop3 = ["tcp:{self.pop3}:interface=127.0.0.1", "ssl:{self.pop3s}:interface=127.0.0.1"]

            [role.store.imap_options]
            clear_auth_from_loopback = true
            connections_limit = 15000
            connections_limit_per_network = 0
            connections_limit_per_account = 0

            [role.store.pop3_options]
            clear_auth_from_loopback = true
            connections_limit_per_network = 0
            connections_limit_per_account = 0
            """)
        )

    def start(self, careless: bool = False) -> None:
        self._log = open(self.base / "log", "ab")  # noqa: SIM115
        command = Path(sys.executable).parent / "twistd"
        self._process = subprocess.Popen(
            [command, "-n", "--pidfile=", "mailframe", "--config", self.base / "mailframe.toml"],
            stdout=self._log, stderr=self._log, cwd=self.base,
        )  # fmt: skip
        self.pid = self._process.pid
        self._greets()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        self._log.close()


class Dovecot(Store):
    """Debian's Dovecot with its own defaults.

    Ways: ``fast`` is what its documentation calls the high-performance login mode, with mail processes that serve
    many clients one after another; ``hibernate`` hands idle IMAP connections to one process after a second.

    Args:
        form: ``maildir``, ``mdbox`` or ``mbox``.
    """

    _LOCATIONS = {
        "maildir": "maildir:{mail}/%n",
        "mdbox": "mdbox:{mail}/%n",
        "mbox": "mbox:{mail}/%n:INBOX={mail}/%n/inbox",
    }

    def __init__(self, form: str, base: Path, accounts: list[str], ways: Sequence[str] = ()) -> None:
        super().__init__(f"dovecot {form}", base, accounts, ways)
        self._form = form

    @property
    def mail(self) -> Path:
        return self.base / "mail"

    def prepare(self) -> None:
        for parent in (self.base, *self.base.parents):
            if parent in (Path("/tmp"), Path("/")):
                break
            parent.chmod(0o755)
        self.mail.mkdir()
        os.chown(self.mail, NOBODY.pw_uid, NOBODY.pw_gid)
        peers.certificate(self.base)
        (self.base / "users").write_text(
            "".join(
                f"{name}@{peers.DOMAIN}:{{PLAIN}}{PASSWORD}:{NOBODY.pw_uid}:{NOBODY.pw_gid}::::\n"
                for name in self.accounts
            )
        )

    def start(self, careless: bool = False) -> None:
        (self.base / "dovecot.conf").write_text(self._configuration(careless))
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", self.base / "dovecot.conf"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.pid = self._process.pid
        self._greets()

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        time.sleep(0.5)

    def _configuration(self, careless: bool) -> str:
        return textwrap.dedent(f"""\
            base_dir = {self.base}/run
            state_dir = {self.base}/state
            log_path = {self.base}/log
            protocols = imap pop3 lmtp
            ssl = yes
            ssl_cert = <{self.base}/certificate.pem
            ssl_key = <{self.base}/key.pem
            listen = 127.0.0.1
            disable_plaintext_auth = no
            default_internal_user = nobody
            default_internal_group = nogroup
            default_login_user = nobody
            first_valid_uid = 1
            first_valid_gid = 1
            mail_location = {self._LOCATIONS[self._form].format(mail=self.mail)}
            mail_fsync = {"never" if careless else "optimized"}
            mail_max_userip_connections = 20000
            auth_mechanisms = plain
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {self.imap}
              }}
              inet_listener imaps {{
                port = {self.imaps}
                ssl = yes
              }}
              {self._login()}
            }}
            service pop3-login {{
              chroot =
              inet_listener pop3 {{
                port = {self.pop3}
              }}
              inet_listener pop3s {{
                port = {self.pop3s}
                ssl = yes
              }}
              {self._login()}
            }}
            service imap {{
              process_limit = 12000
              {self._again()}
              unix_listener imap-master {{
                user = nobody
              }}
            }}
            service pop3 {{
              {self._again()}
            }}
            service imap-hibernate {{
              unix_listener imap-hibernate {{
                mode = 0666
              }}
            }}
            imap_hibernate_timeout = {"1s" if "hibernate" in self.ways else "0"}
            service lmtp {{
              inet_listener lmtp {{
                port = {self.lmtp}
              }}
            }}
            service anvil {{
              chroot =
            }}
            passdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            userdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            namespace inbox {{
              inbox = yes
              separator = /
            }}
            """)

    def _login(self) -> str:
        if "fast" in self.ways:
            return f"service_count = 0\n  process_min_avail = {os.cpu_count()}\n  client_limit = 5000"
        return "process_limit = 12000"

    def _again(self) -> str:
        return "service_count = 256\n  process_min_avail = 4" if "fast" in self.ways else ""


def contenders(base: Path, accounts: list[str], names: list[str]) -> list[Store]:
    """Those of these names: ``mailframe maildir``, ``dovecot mdbox fast`` and so on."""
    found: list[Store] = []
    for name in names:
        server, form, *ways = name.split()
        kind = Mailframe if server == "mailframe" else Dovecot
        found.append(kind(form, base / name.replace(" ", "-"), accounts, ways))
    return found
