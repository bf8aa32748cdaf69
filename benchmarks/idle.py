"""Memory of idle IMAP connections: ten thousand in one worker of Mailframe, and some hundred of Dovecot's.

    python benchmarks/idle.py [--connections 10000] [--tls-connections 2000] [--dovecot-connections 200] [--json FILE]

Each connection logs in, selects INBOX and says IDLE, and then nothing. Measured is how the server's whole process
tree grows: resident memory, and proportional set sizes, where pages that processes share count once. Mailframe has
one worker for all; Dovecot has a process a connection as it comes, and (``hibernate``) one process for all that have
been idle for a second. A connection's part is the growth from the first ``--warm`` connections on, so that what a
process needs once is not counted; for a Dovecot of so few connections the first ones are few.

``scratch`` is a Twisted server of some lines that greets, in Python with nothing around: what a connection costs
before it has a session. All connections come from this process; the system's part of a socket is in no figure.
Answers are awaited, and at the end one connection in a hundred is woken by DONE, and answers. Needs root and
Debian's Dovecot.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import peers
import stores
import tables

ACCOUNTS = [f"user{number}" for number in range(50)]
SCRATCH = """
import sys
from twisted.internet import epollreactor
epollreactor.install()
from twisted.internet import reactor, protocol, ssl
class Greet(protocol.Protocol):
    def connectionMade(self):
        self.transport.write(b"* OK\\r\\n")
    def dataReceived(self, data):
        self.transport.write(b"a OK\\r\\n")
factory = protocol.Factory.forProtocol(Greet)
reactor.listenTCP(int(sys.argv[1]), factory, interface="127.0.0.1", backlog=1000)
context = ssl.DefaultOpenSSLContextFactory(sys.argv[4], sys.argv[3], sslmethod=ssl.SSL.TLS_METHOD)
reactor.listenSSL(int(sys.argv[2]), factory, context, interface="127.0.0.1", backlog=1000)
reactor.run()
"""


class Scratch:
    """The least that Twisted can have."""

    name = "scratch"

    def __init__(self, base: Path) -> None:
        self.base = base
        self.imap, self.imaps = peers.free_port(), peers.free_port()

    def prepare(self) -> None:
        """Write it down."""
        self.base.mkdir(parents=True)
        (self.base / "server.py").write_text(SCRATCH)
        self._files = peers.certificate(self.base)

    def start(self) -> None:
        """Start it."""
        ports = str(self.imap), str(self.imaps)
        self._process = subprocess.Popen([sys.executable, self.base / "server.py", *ports, *self._files])
        self.pid = self._process.pid
        time.sleep(2)

    def stop(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@dataclass(frozen=True)
class Memory:
    """Octets of a process tree."""

    resident: int
    proportional: int


def memory(root: int) -> Memory:
    """Now."""
    resident = proportional = 0
    for pid in peers.descendants(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("Rss:"):
                resident += int(line.split()[1]) * 1024
            elif line.startswith("Pss:"):
                proportional += int(line.split()[1]) * 1024
    return Memory(resident, proportional)


def connect(port: int, context: ssl.SSLContext | None) -> Any:
    """A socket on which the server has greeted."""
    plain = socket.create_connection(("127.0.0.1", port), 60)
    line = plain if context is None else context.wrap_socket(plain)
    line.recv(4096)
    return line


def idle(line: Any, number: int) -> None:
    """Log in, select and fall silent."""
    account = f"{ACCOUNTS[number % len(ACCOUNTS)]}@{peers.DOMAIN}"
    for command in (f"a LOGIN {account} {stores.PASSWORD}", "a SELECT INBOX"):
        line.sendall(command.encode() + b"\r\n")
        expect(line, b"a OK")
    line.sendall(b"a IDLE\r\n")
    expect(line, b"+ ")


def expect(line: Any, words: bytes) -> None:
    """Read until there is a line of this beginning.

    Raises:
        RuntimeError: the server hung up.
    """
    got = b""
    while not (got.startswith(words) or b"\n" + words in got) or not got.endswith(b"\n"):
        piece = line.recv(65536)
        if not piece:
            raise RuntimeError(f"the server hung up after {got!r}")
        got += piece


def measure(server: Any, count: int, warm: int, tls: bool, settle: float) -> dict[str, float]:
    """Octets a connection."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    server.start()
    lines: list[Any] = []
    try:
        begun = time.monotonic()
        before = Memory(0, 0)
        for number in range(warm + count):
            if number == warm:
                time.sleep(settle)
                before = memory(server.pid)
            line = connect(server.imaps if tls else server.imap, context)
            lines.append(line)
            if not isinstance(server, Scratch):
                idle(line, number)
        seconds = time.monotonic() - begun
        time.sleep(settle)
        after = memory(server.pid)
        for line in [] if isinstance(server, Scratch) else lines[::100]:
            line.sendall(b"DONE\r\n")
            expect(line, b"a OK")
    finally:
        for line in lines:
            line.close()
        server.stop()
    way = "TLS" if tls else "plain"
    return {
        f"{way} RSS KB": (after.resident - before.resident) / count / 1024,
        f"{way} PSS KB": (after.proportional - before.proportional) / count / 1024,
        f"{way} connections": count,
        f"{way} seconds": seconds,
    }


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--tls-connections", type=int, default=2_000)
    parser.add_argument("--dovecot-connections", type=int, default=200)
    parser.add_argument("--warm", type=int, default=100, help="connections before the first look")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workload", action="append", default=[], choices=["plain", "tls", "all"])
    parser.add_argument("--only", action="append", default=[], help="a server, as 'dovecot mdbox hibernate'")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    most = max(given.connections, given.tls_connections) + given.warm + 200
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(most, min(hard, 20_000)), hard))
    base = Path(tempfile.mkdtemp(prefix="idle-"))
    results: tables.Results = {}
    names = given.only or ["scratch", "mailframe sqlite one", "mailframe maildir one", "dovecot maildir",
                           "dovecot maildir hibernate"]  # fmt: skip
    ways = [way for way in ("plain", "tls") if way in given.workload or not {*given.workload} - {"all"}]
    try:
        servers: list[Any] = [Scratch(base / "scratch")] if "scratch" in names else []
        servers += stores.contenders(base, ACCOUNTS, [name for name in names if name != "scratch"])
        for server in servers:
            server.prepare()
        for _ in range(given.rounds):
            for server in servers:
                for way in ways:
                    count = given.tls_connections if way == "tls" else given.connections
                    warm, settle = given.warm, 3.0
                    if isinstance(server, stores.Dovecot):
                        count, warm, settle = given.dovecot_connections, 10, 4.0
                    found = measure(server, count, warm, way == "tls", settle)
                    tables.keep(results, server.name, found)
                    print(f"{server.name}: {way} done", file=sys.stderr, flush=True)
        tables.table(results, {}, lambda figure: False, "memory of an idle connection")
        if given.json:
            given.json.write_text(json.dumps(results, indent=1))
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
