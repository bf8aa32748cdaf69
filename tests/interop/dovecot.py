"""A Dovecot of our own on loopback: it takes mail for ``peer.test`` by LMTP, on a port and on a socket."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import textwrap
import time
from pathlib import Path

from tests.ports import free_port

from .service import program

DOMAIN = "peer.test"
USERS = ("alice", "bob", "carol", "dave")
PATIENCE = 20.0


class Dovecot:
    """One instance, with a configuration and mailboxes below one directory.

    Args:
        base: an empty directory that others may enter.
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self.port = free_port()
        self.socket = base / "lmtp"
        self._master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files and start its master; returns when it greets."""
        nobody = pwd.getpwnam("nobody")
        self.base.chmod(0o755)
        mail = self.base / "mail"
        mail.mkdir()
        os.chown(mail, nobody.pw_uid, nobody.pw_gid)
        users = "".join(f"{user}@{DOMAIN}:{{PLAIN}}x:{nobody.pw_uid}:{nobody.pw_gid}::::\n" for user in USERS)
        (self.base / "users").write_text(users)
        config = self.base / "dovecot.conf"
        config.write_text(self._configuration(nobody))
        self._master = subprocess.Popen(
            [program("dovecot"), "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self._greets()

    def stop(self) -> None:
        """Stop it and what it started."""
        if self._master is not None:
            os.killpg(self._master.pid, signal.SIGTERM)
            self._master.wait(30)
            self._master = None

    def received(self, user: str, count: int = 1) -> list[bytes]:
        """What is in a mailbox once ``count`` messages are there, oldest first."""
        place = self.base / "mail" / user / "new"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            files = sorted(place.glob("*")) if place.is_dir() else []
            if len(files) >= count:
                return [path.read_bytes() for path in files]
            time.sleep(0.05)
        raise AssertionError(f"{user} has not got {count} messages; the log ends:\n{self.log()[-3000:]}")

    def log(self) -> str:
        """Its log so far."""
        path = self.base / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _configuration(self, nobody: pwd.struct_passwd) -> str:
        return textwrap.dedent(f"""\
            base_dir = {self.base}/run
            state_dir = {self.base}/state
            log_path = {self.base}/log
            protocols = lmtp
            ssl = no
            listen = 127.0.0.1
            default_internal_user = nobody
            default_internal_group = {_group(nobody)}
            default_login_user = nobody
            first_valid_uid = 1
            first_valid_gid = 1
            mail_location = maildir:{self.base}/mail/%n
            auth_mechanisms = plain
            recipient_delimiter = +
            passdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            userdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            service lmtp {{
              chroot =
              inet_listener lmtp {{
                port = {self.port}
              }}
              unix_listener {self.socket} {{
                mode = 0666
              }}
            }}
            service stats {{
              chroot =
            }}
            service anvil {{
              chroot =
            }}
            """)

    def _greets(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                    if connection.recv(100).startswith(b"220"):
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"Dovecot does not greet:\n{self.log()[-3000:]}")


def _group(user: pwd.struct_passwd) -> str:
    import grp

    return grp.getgrgid(user.pw_gid).gr_name
