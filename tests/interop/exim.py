"""An Exim of our own on loopback: it takes mail for ``peer.test``, and sends everything else to one host.

Debian's Exim and Postfix packages exclude each other, so `install.sh` unpacks Exim beside the system; it looks its own
user up in a list that only it sees.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

from .peer import DOMAIN, USERS, Peer
from .service import run

PLACE = Path(os.environ.get("MAILFRAME_EXIM", "/opt/mailframe-interop/exim"))
"""Where `install.sh` unpacks it."""
USER = "Debian-exim"


class Exim(Peer):
    """One instance, with a configuration, spool and mailboxes below one directory.

    Args:
        base: an empty directory that others may enter.
        next_hop: host and port of the server that gets mail for other domains.
        main: more lines of the main section.
        transport: more lines of the transport that sends to ``next_hop``.
        tls_hosts: whom it offers TLS, ``*`` for all; it needs a certificate then.
    """

    def __init__(
        self,
        base: Path,
        next_hop: tuple[str, int] = ("127.0.0.1", 9),
        main: str = "",
        transport: str = "",
        tls_hosts: str = "",
    ) -> None:
        super().__init__(base)
        self._tls_hosts = tls_hosts
        self._next_hop = next_hop
        self._main = textwrap.dedent(main)
        self._transport = textwrap.dedent(transport)
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files and start its daemon; returns when it greets."""
        nobody = pwd.getpwnam("nobody")
        self.base.chmod(0o755)
        for name in ("spool", "log", "mail"):
            place = self.base / name
            place.mkdir(parents=True)
            os.chown(place, nobody.pw_uid, nobody.pw_gid)
        users = Path("/etc/passwd").read_text()
        (self.base / "passwd").write_text(f"{users}{USER}:x:{nobody.pw_uid}:{nobody.pw_gid}::/:/bin/false\n")
        (self.base / "group").write_text(f"{Path('/etc/group').read_text()}{USER}:x:{nobody.pw_gid}:\n")
        self._file.write_text(self._configuration())
        self._daemon = subprocess.Popen(
            [*self._command, "-bdf", "-q5s", "-oX", f"127.0.0.1.{self.port}", "-oP", str(self.base / "pid")],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.greets()

    def stop(self) -> None:
        """Stop it and what it started."""
        if self._daemon is not None:
            os.killpg(self._daemon.pid, signal.SIGTERM)
            self._daemon.wait(30)
            self._daemon = None

    def send(
        self, message: bytes, sender: str, recipients: Sequence[str], options: Sequence[str] = ()
    ) -> None:
        """Put a message into its queue; it goes out at once."""
        # "-oi": a line of one dot is no end. "-odf": deliver before the command ends.
        run(*self._command, "-oi", "-odf", "-f", sender, *options, "--", *recipients,
            stdin=message, env=self._environment)  # fmt: skip

    def log(self) -> str:
        """Its logs so far."""
        return "".join(path.read_text(errors="replace") for path in sorted((self.base / "log").glob("*")))

    @property
    def _file(self) -> Path:
        return self.base / "exim.conf"

    @property
    def _command(self) -> list[str]:
        return [str(PLACE / "usr/sbin/exim4"), "-C", str(self._file)]

    @property
    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(self.base / "passwd"),
            "NSS_WRAPPER_GROUP": str(self.base / "group"),
        }

    def _configuration(self) -> str:
        host, port = self._next_hop
        return (
            textwrap.dedent(f"""\
            exim_path = {PLACE}/usr/sbin/exim4
            primary_hostname = mx.{DOMAIN}
            spool_directory = {self.base}/spool
            log_file_path = {self.base}/log/%slog
            keep_environment = ^NSS_WRAPPER|^LD_PRELOAD
            add_environment = <; LD_PRELOAD=libnss_wrapper.so
            acl_smtp_rcpt = recipients
            acl_smtp_data = accept
            exim_user = {USER}
            tls_advertise_hosts = {self._tls_hosts}
            never_users =
            host_lookup =
            rfc1413_query_timeout = 0s
            message_size_limit = 200M
            smtputf8_advertise_hosts = *
            dsn_advertise_hosts = *
            log_selector = +smtp_protocol_error +smtp_syntax_error +smtp_confirmation +incoming_port
            """)
            + self._main
            + textwrap.dedent(f"""\
            begin acl
            recipients:
              accept  domains = ! {DOMAIN}
              accept  verify = recipient
            begin routers
            local:
              driver = accept
              domains = {DOMAIN}
              local_parts = {" : ".join(USERS)}
              transport = maildir
            onward:
              driver = manualroute
              domains = ! {DOMAIN}
              route_list = * {host}
              self = send
              transport = onward
              host_find_failed = defer
            begin transports
            maildir:
              driver = appendfile
              maildir_format
              directory = {self.base}/mail/$local_part_data
              user = nobody
              create_directory
              envelope_to_add
              return_path_add
            onward:
              driver = smtp
              port = {port}
              allow_localhost
            """)
            + textwrap.indent(self._transport, "  ")
            + "begin retry\n* * F,10m,2s\n"
        )
