"""Servers to measure, each started in a directory of its own on loopback, and stopped again.

Each `Server` says where it takes mail, which accounts it has, how many messages have become durable files, and how
much processor time its processes have used.
"""

from __future__ import annotations

import os
import pwd
import random
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from pathlib import Path

from tests.interop.postfix import copy_stock, stock_services

NOBODY = pwd.getpwnam("nobody")
TICK = os.sysconf("SC_CLK_TCK")
DOMAIN = "example.test"


def free_port() -> int:
    """A port nobody listens on, below those that the system gives to clients: a storm uses up thousands of these."""
    for port in random.SystemRandom().sample(range(10_000, 32_000), 1000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("there is no free port")


def wait_for(port: int, seconds: float = 30.0) -> None:
    """Wait until somebody greets on a port.

    A connection alone proves nothing: where nobody listens yet, a client may be connected with itself, and
    another server that waits for its client to speak would keep a load generator waiting for minutes.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(4) == b"220 ":
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"nobody greets on port {port}")


def descendants(root: int) -> set[int]:
    """A process and all its living descendants."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry)] = int(fields[1])
    found = {root}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found


def cpu_seconds(root: int) -> float:
    """Processor time of a process tree, with children that were waited for."""
    total = 0.0
    for pid in descendants(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15]) / TICK
    return total


def resident_octets(root: int) -> int:
    """Memory of a process tree: proportional set sizes, so that shared pages count once."""
    total = 0
    for pid in descendants(root):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


def certificate(base: Path) -> tuple[Path, Path]:
    """A self-signed certificate and its key (P-256, as Mailframe makes one for itself)."""
    made, key = base / "certificate.pem", base / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", f"/CN=mx.{DOMAIN}", "-out", made, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


class Server:
    """One contender."""

    name = ""

    def __init__(self, base: Path, accounts: Iterable[str]) -> None:
        self.base = base / self.name.replace(" ", "-").replace("=", "-")
        self.accounts = list(accounts)
        self.port = free_port()
        self.pid = 0

    def start(self) -> None:
        """Start it and wait until it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop what `start` started."""
        raise NotImplementedError

    def maildirs(self) -> list[Path]:
        """The Maildirs that mail ends in."""
        raise NotImplementedError

    def delivered(self) -> int:
        """Messages that are in mailboxes."""
        return sum(len(os.listdir(place / part)) for place in self.maildirs() for part in ("new", "cur")
                   if (place / part).is_dir())  # fmt: skip


class Postfix(Server):
    """Debian's Postfix with its own defaults, delivering into Maildirs by its virtual(8) agent."""

    name = "postfix"
    settings = ""

    def start(self) -> None:
        """Write a configuration of our own and start the master."""
        queue, data, config, mail = (self.base / part for part in ("queue", "data", "etc", "mail"))
        for place in (queue, data, config, mail):
            place.mkdir(parents=True)
        for parent in (self.base, *self.base.parents):
            if parent == Path("/tmp") or parent == Path("/"):
                break
            parent.chmod(0o755)
        os.chown(mail, NOBODY.pw_uid, NOBODY.pw_gid)
        os.chown(data, pwd.getpwnam("postfix").pw_uid, -1)
        copy_stock(config)
        made, key = certificate(config)
        (config / "main.cf").write_text(
            textwrap.dedent(f"""\
            compatibility_level = 3.6
            queue_directory = {queue}
            data_directory = {data}
            meta_directory = {config}
            command_directory = /usr/sbin
            daemon_directory = /usr/lib/postfix/sbin
            mail_owner = postfix
            setgid_group = postdrop
            inet_interfaces = 127.0.0.1
            inet_protocols = ipv4
            myhostname = mx.{DOMAIN}
            mydestination =
            message_size_limit = 209715200
            alias_maps =
            alias_database =
            maillog_file = {self.base}/log
            maillog_file_prefixes = {self.base}
            smtpd_client_connection_count_limit = 0
            smtpd_peername_lookup = no
            smtpd_tls_security_level = may
            smtpd_tls_cert_file = {made}
            smtpd_tls_key_file = {key}
            """)
            + self.ways(config, mail)
            + self.settings
        )
        (config / "master.cf").write_text(stock_services(self.port))
        subprocess.run(["/usr/sbin/postfix", "-c", config, "start"], check=True, capture_output=True)
        wait_for(self.port)
        self.pid = int((queue / "pid" / "master.pid").read_text())

    def ways(self, config: Path, mail: Path) -> str:
        """Lines of main.cf that say where mail goes: into Maildirs."""
        (config / "boxes").write_text("".join(f"{name}@{DOMAIN} {name}/\n" for name in self.accounts))
        return textwrap.dedent(f"""\
            mynetworks = 192.0.2.0/24
            smtpd_recipient_restrictions = reject_unauth_destination
            virtual_mailbox_domains = {DOMAIN}
            virtual_mailbox_base = {mail}
            virtual_mailbox_maps = texthash:{config}/boxes
            virtual_uid_maps = static:{NOBODY.pw_uid}
            virtual_gid_maps = static:{NOBODY.pw_gid}
            virtual_mailbox_limit = 0
            """)

    def stop(self) -> None:
        """Ask the master to stop."""
        subprocess.run(
            ["/usr/sbin/postfix", "-c", self.base / "etc", "stop"], check=False, capture_output=True
        )

    def maildirs(self) -> list[Path]:
        """One a recipient."""
        return [self.base / "mail" / name for name in self.accounts]


class PostfixUnthrottled(Postfix):
    """Postfix without the delay it puts on clients that are faster than its delivery."""

    name = "postfix in_flow_delay=0"
    settings = "in_flow_delay = 0\n"


class Aiosmtpd(Server):
    """aiosmtpd with a handler that writes each message into a Maildir and flushes it."""

    name = "aiosmtpd"
    PROGRAM = """
import asyncio, itertools, os, ssl, sys
from aiosmtpd.smtp import SMTP
base, port = sys.argv[1], int(sys.argv[2])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
count = itertools.count()
class Deliver:
    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:
            place = os.path.join(base, recipient.partition("@")[0])
            name = f"{os.getpid()}.{next(count)}"
            with open(os.path.join(place, "tmp", name), "wb") as file:
                file.write(b"Return-Path: <%s>\\n" % envelope.mail_from.encode())
                file.write(b"Delivered-To: %s\\n" % recipient.encode())
                file.write(envelope.original_content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(os.path.join(place, "tmp", name), os.path.join(place, "new", name))
            directory = os.open(os.path.join(place, "new"), os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)
        return "250 OK"
async def main():
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: SMTP(Deliver(), data_size_limit=0, tls_context=context), "127.0.0.1", port)
    await asyncio.Event().wait()
asyncio.run(main())
"""

    def start(self) -> None:
        """One process: it has no workers of its own."""
        for place in self.maildirs():
            for part in ("tmp", "new", "cur"):
                (place / part).mkdir(parents=True)
        program = self.base / "server.py"
        program.write_text(self.PROGRAM)
        self._process = subprocess.Popen(
            [sys.executable, program, self.base / "mail", str(self.port), *certificate(self.base)],
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        wait_for(self.port)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)

    def maildirs(self) -> list[Path]:
        """One a recipient."""
        return [self.base / "mail" / name for name in self.accounts]


class Mailframe(Server):
    """A node with the mx role and as many workers as cores, its configuration as `mailframe init` writes it."""

    name = "mailframe"
    password = "wonderland-2580"

    def start(self) -> None:
        """Make a configuration and start ``twistd mailframe``."""
        command = Path(sys.executable).parent
        people = [
            word for name in self.accounts for word in ("--account", f"{name}@{DOMAIN}:{self.password}")
        ]
        offset = self.port - 2525
        subprocess.run(
            [
                command / "mailframe",
                "init",
                self.base,
                "--domain",
                DOMAIN,
                "--port-offset",
                str(offset),
                *people,
            ],
            check=True,
            capture_output=True,
        )
        self.log = open(self.base / "log", "wb")  # noqa: SIM115
        self._process = subprocess.Popen(
            [command / "twistd", "-n", "--pidfile=", "mailframe", "--config", self.base / "mailframe.toml",
             "--role", "mx"],
            stdout=self.log, stderr=self.log, cwd=self.base,
        )  # fmt: skip
        self.pid = self._process.pid
        wait_for(self.port)
        if self._process.poll() is not None:
            raise RuntimeError(f"mailframe did not start:\n{(self.base / 'log').read_text()[-1000:]}")

    def stop(self) -> None:
        """End it as an administrator would."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self.log.close()

    def maildirs(self) -> list[Path]:
        """One an account."""
        return [self.base / "data" / "mail" / DOMAIN / name for name in self.accounts]


ALL = (Mailframe, Postfix, PostfixUnthrottled, Aiosmtpd)
