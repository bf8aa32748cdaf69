"""Dovecot and Courier on one account's Maildir, each session a process of its own: no server runs."""

from __future__ import annotations

import imaplib
import os
import pwd
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Final

from .service import program

COURIER: Final = Path(os.environ.get("MAILFRAME_COURIER", "/opt/mailframe-interop/courier"))
_LIBRARIES: Final = ("usr/lib", "usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")
_USER: Final = "nobody"


class Server:
    """Sessions on one tree, as its user.

    Args:
        base: a directory that others may enter, for its own files.
        tree: the account's Maildir.
    """

    separator = "."
    prefix = ""

    def __init__(self, base: Path, tree: Path) -> None:
        self.base, self.tree = base, tree

    def imap(self) -> imaplib.IMAP4_stream:
        """An authenticated session."""
        raise NotImplementedError

    def pop3(self) -> list[str]:
        """What UIDL tells, in the order of messages."""
        return [uidl.decode() for uidl in self._told(b"UIDL")]

    def sizes(self) -> dict[str, int]:
        """Sizes by what UIDL tells."""
        return dict(zip(self.pop3(), map(int, self._told(b"LIST")), strict=True))

    def _pop3_command(self) -> str:
        raise NotImplementedError

    def _told(self, command: bytes) -> list[bytes]:
        done = subprocess.run(
            self._pop3_command(), shell=True, input=command + b"\r\nQUIT\r\n", capture_output=True, timeout=60
        )
        return re.findall(rb"(?m)^\d+ (\S+)\r$", done.stdout)

    def name(self, name: str) -> str:
        """A mailbox's name as its clients write it."""
        return name if name == "INBOX" else self.prefix + name.replace("/", self.separator)

    def errors(self) -> str:
        """What it has complained of."""
        places = (self.base / "errors", self.base / "log")
        return "".join(place.read_text() for place in places if place.exists())

    def owned(self) -> None:
        """Give it the tree, whoever has written there."""
        user = pwd.getpwnam(_USER)
        for directory, _, files in os.walk(self.tree):
            for path in (directory, *(os.path.join(directory, file) for file in files)):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _as_user(self, command: str, **environment: str) -> str:
        variables = " ".join(f"{name}={value}" for name, value in environment.items())
        return (
            f"exec setpriv --reuid={_USER} --regid=nogroup --clear-groups env -i PATH=/usr/sbin:/usr/bin:/bin "
            f"HOME={self.base} {variables} {command} 2>>{self.base}/errors"
        )


class Dovecot(Server):
    """Debian's Dovecot.

    Args:
        settings: more lines of its configuration.
    """

    def __init__(self, base: Path, tree: Path, settings: str = "") -> None:
        super().__init__(base, tree)
        self._config = base / "dovecot.conf"
        self._config.write_text(
            textwrap.dedent(f"""\
                base_dir = {base}/run
                state_dir = {base}/state
                log_path = {base}/log
                protocols = imap pop3
                ssl = no
                mail_location = maildir:{tree}
                first_valid_uid = 1
                default_internal_user = {_USER}
                default_internal_group = nogroup
                default_login_user = {_USER}
                """)
            + settings
        )

    def imap(self) -> imaplib.IMAP4_stream:
        """See `Server.imap`."""
        return imaplib.IMAP4_stream(self._command("imap"))

    def _pop3_command(self) -> str:
        return self._command("pop3")

    def _command(self, protocol: str) -> str:
        return self._as_user(f"{program('doveadm')} -c {self._config} exec {protocol}", USER=_USER)


class Courier(Server):
    """Debian's Courier, unpacked beside the system: its packages and Dovecot's exclude each other."""

    prefix = "INBOX."

    def imap(self) -> imaplib.IMAP4_stream:
        """See `Server.imap`."""
        # Without a daemon that watches files it begins with a warning, where a client expects the greeting.
        command = self._command("usr/bin/imapd", str(self.tree)).removeprefix("exec ")
        return imaplib.IMAP4_stream(f"{command} | sed -u '/^[*] OK .ALERT/d'")

    def _pop3_command(self) -> str:
        return self._command("usr/lib/courier/courier/courierpop3d", self.tree.name)

    def _command(self, path: str, argument: str) -> str:
        libraries = ":".join(str(COURIER / name) for name in _LIBRARIES)
        command = self._as_user(
            f"{COURIER / path} {argument}", LD_LIBRARY_PATH=libraries, AUTHENTICATED="alice", AUTHADDR="alice",
            IMAP_KEYWORDS="1", IMAP_USELOCKS="0", MAILDIR=str(self.tree),
        )  # fmt: skip
        return f"cd {self.tree.parent} && {command}"
