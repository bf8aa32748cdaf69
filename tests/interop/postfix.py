"""A Postfix of our own on loopback: it takes mail for ``peer.test``, and sends everything else where it is told."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

from .peer import DOMAIN, USERS, Peer
from .service import run


class Postfix(Peer):
    """One instance, with a configuration, queue and mailboxes below one directory.

    Args:
        base: an empty directory that others may enter.
        relayhost: where mail for other domains goes, ``[127.0.0.1]:2525``.
        settings: more lines of main.cf.
        services: more lines of master.cf.
    """

    def __init__(self, base: Path, relayhost: str = "", settings: str = "", services: str = "") -> None:
        super().__init__(base)
        self.config, self.queue = base / "etc", base / "queue"
        self._relayhost = relayhost
        self._settings = settings
        self._services = services

    def start(self) -> None:
        """Write its files and start its master; returns when it greets."""
        data = self.base / "data"
        for place in (self.queue, data, self.config, self.mail):
            place.mkdir(parents=True)
        self.base.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        os.chown(data, pwd.getpwnam("postfix").pw_uid, -1)
        copy_stock(self.config)
        (self.config / "main.cf").write_text(self._main(data, nobody))
        (self.config / "master.cf").write_text(self._master())
        run("postfix", "-c", self.config, "start")
        self.greets()

    def stop(self) -> None:
        """Stop it."""
        run("postfix", "-c", self.config, "stop", ok=(0, 1))

    def send(
        self, message: bytes, sender: str, recipients: Sequence[str], options: Sequence[str] = ()
    ) -> None:
        """Put a message into its queue, by its sendmail command: ``options`` are that command's.

        It runs as root's; ``-N`` (notify), ``-R`` (return) and ``-V`` (envelope id) ask for DSNs.
        """
        run("sendmail", "-i", "-C", self.config, "-f", sender, *options, "--", *recipients, stdin=message)

    def _main(self, data: Path, nobody: pwd.struct_passwd) -> str:
        return textwrap.dedent(f"""\
            compatibility_level = 3.6
            queue_directory = {self.queue}
            data_directory = {data}
            meta_directory = {self.config}
            command_directory = /usr/sbin
            daemon_directory = /usr/lib/postfix/sbin
            mail_owner = postfix
            setgid_group = postdrop
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            myhostname = mx.{DOMAIN}
            mydestination =
            mynetworks = 127.0.0.0/8
            relayhost = {self._relayhost}
            virtual_mailbox_domains = {DOMAIN}
            virtual_mailbox_base = {self.mail}
            virtual_mailbox_maps = texthash:{self.config}/boxes
            virtual_uid_maps = static:{nobody.pw_uid}
            virtual_gid_maps = static:{nobody.pw_gid}
            virtual_mailbox_limit = 0
            message_size_limit = 209715200
            alias_maps =
            alias_database =
            smtp_dns_support_level = disabled
            smtputf8_enable = yes
            maillog_file = {self.base}/log
            maillog_file_prefixes = {self.base}
            smtpd_peername_lookup = no
            """) + textwrap.dedent(self._settings)

    def _master(self) -> str:
        (self.config / "boxes").write_text("".join(f"{user}@{DOMAIN} {user}/\n" for user in USERS))
        return stock_services(self.port) + textwrap.dedent(self._services)


def copy_stock(config: Path) -> None:
    """Copy what an instance needs of Debian's into its own directory."""
    stock = next(place for place in (Path("/usr/share/postfix"), Path("/etc/postfix"))
                 if (place / "postfix-files").exists())  # fmt: skip
    shutil.copy(stock / "postfix-files", config)


def stock_services(port: int) -> str:
    """Debian's master.cf, without chroot, with SMTP on a port of loopback."""
    source = next(path for path in (Path("/etc/postfix/master.cf"), Path("/usr/share/postfix/master.cf.dist"))
                  if path.exists())  # fmt: skip
    lines = []
    for line in source.read_text().splitlines():
        if line.startswith("smtp ") and " inet " in line:
            line = f"127.0.0.1:{port} inet n - n - - smtpd"
        elif line[:1].isalpha() and len(line.split()) >= 8:
            words = line.split()
            words[4] = "n"
            line = " ".join(words)
        lines.append(line)
    if not any(line.startswith("postlog ") for line in lines):
        lines.append("postlog unix-dgram n - n - 1 postlogd")
    return "\n".join(lines) + "\n"


def version() -> str:
    """Which Postfix this is."""
    done = subprocess.run(["/usr/sbin/postconf", "-d", "mail_version"], capture_output=True, check=True)
    return done.stdout.decode().partition("= ")[2].strip()
