"""A Dovecot of our own on loopback: it takes mail for ``peer.test`` by LMTP, on a port and on a socket."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import textwrap
from pathlib import Path

from .peer import DOMAIN, USERS, Peer
from .service import program


class Dovecot(Peer):
    """One instance, with a configuration and mailboxes below one directory.

    Args:
        base: an empty directory that others may enter.
    """

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.socket = base / "lmtp"
        self._master: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files and start its master; returns when it greets."""
        nobody = pwd.getpwnam("nobody")
        self.base.chmod(0o755)
        self.mail.mkdir()
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        users = "".join(f"{user}@{DOMAIN}:{{PLAIN}}x:{nobody.pw_uid}:{nobody.pw_gid}::::\n" for user in USERS)
        (self.base / "users").write_text(users)
        config = self.base / "dovecot.conf"
        config.write_text(self._configuration(nobody))
        self._master = subprocess.Popen(
            [program("dovecot"), "-F", "-c", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        self.greets()

    def stop(self) -> None:
        """Stop it and what it started."""
        if self._master is not None:
            os.killpg(self._master.pid, signal.SIGTERM)
            self._master.wait(30)
            self._master = None

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


def _group(user: pwd.struct_passwd) -> str:
    import grp

    return grp.getgrgid(user.pw_gid).gr_name
