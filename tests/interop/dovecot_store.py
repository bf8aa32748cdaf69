"""A Dovecot of our own with mailboxes: IMAP and POP3, with TLS and a master user, on loopback."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import textwrap
import time
from pathlib import Path

from mailframe.tls.development import make_certificate
from tests.ports import free_ports

from .service import program

PASSWORD = "geheim"
MASTER, MASTER_PASSWORD = "proxy", "of the proxy alone"


class DovecotStore:
    """One instance; each account is made when it logs in.

    Args:
        base: an empty directory that others may enter.
        accounts: who has mail there.

    Attributes:
        ports: by protocol: ``imap``, ``imaps``, ``pop3``, ``pop3s``.
        certificate: PEM file to trust.
        mechanisms: SASL mechanisms that it offers.
    """

    mechanisms = "plain login"

    def __init__(self, base: Path, accounts: list[str]) -> None:
        self.base = base
        names = ("imap", "imaps", "pop3", "pop3s")
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.certificate = base / "tls" / "certificate.pem"
        self._accounts = accounts
        self._master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files and start it; returns when it greets."""
        nobody = pwd.getpwnam("nobody")
        self.base.chmod(0o755)
        (self.base / "mail").mkdir()
        os.chown(self.base / "mail", nobody.pw_uid, nobody.pw_gid)
        make_certificate(str(self.certificate.parent), ["localhost", "127.0.0.1"])
        users = (f"{name}:{{PLAIN}}{PASSWORD}:{nobody.pw_uid}:{nobody.pw_gid}::::" for name in self._accounts)
        (self.base / "users").write_text("\n".join(users) + "\n")
        (self.base / "masters").write_text(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")
        config = self.base / "dovecot.conf"
        config.write_text(self._configuration(nobody))
        self._master = subprocess.Popen(
            [program("dovecot"), "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self._greets()

    def stop(self) -> None:
        """Stop it and what it started, and remove its files."""
        if self._master is not None:
            os.killpg(self._master.pid, signal.SIGTERM)
            self._master.wait(30)
            self._master = None
        shutil.rmtree(self.base, ignore_errors=True)

    def log(self) -> str:
        """What it has written."""
        return (self.base / "log").read_text(errors="replace")

    def _greets(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.ports["imap"]), 5) as connection:
                    if connection.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError("Dovecot does not greet:\n" + self.log())

    def _configuration(self, nobody: pwd.struct_passwd) -> str:
        ports = self.ports
        return textwrap.dedent(f"""\
            base_dir = {self.base}/run
            state_dir = {self.base}/state
            log_path = {self.base}/log
            protocols = imap pop3
            listen = 127.0.0.1
            ssl = yes
            ssl_cert = <{self.certificate}
            ssl_key = <{self.certificate.parent}/key.pem
            disable_plaintext_auth = no
            login_trusted_networks = 127.0.0.0/8
            default_internal_user = nobody
            default_internal_group = {grp.getgrgid(nobody.pw_gid).gr_name}
            default_login_user = nobody
            first_valid_uid = 1
            first_valid_gid = 1
            mail_location = maildir:{self.base}/mail/%u
            auth_mechanisms = {self.mechanisms}
            auth_master_user_separator = *
            passdb {{
              driver = passwd-file
              args = {self.base}/masters
              master = yes
              result_success = continue
            }}
            passdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            userdb {{
              driver = passwd-file
              args = {self.base}/users
            }}
            service imap-login {{
              chroot =
              inet_listener imap {{
                port = {ports["imap"]}
              }}
              inet_listener imaps {{
                port = {ports["imaps"]}
                ssl = yes
              }}
            }}
            service pop3-login {{
              chroot =
              inet_listener pop3 {{
                port = {ports["pop3"]}
              }}
              inet_listener pop3s {{
                port = {ports["pop3s"]}
                ssl = yes
              }}
            }}
            service stats {{
              chroot =
            }}
            service anvil {{
              chroot =
            }}
            """)
