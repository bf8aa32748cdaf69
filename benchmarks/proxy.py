"""The front door beside nginx's mail proxy and Dovecot's, in alternation in one run, before the same store.

    python benchmarks/proxy.py [--rounds 3] [--seconds 4] [--idle 500] [--only NAME ...] [--json FILE]

The store behind all of them is Debian's Dovecot in its high-performance login mode, on loopback in clear, so that
what differs is the proxy. Measured are login cycles (LOGIN, SELECT, LOGOUT, each in a connection of its own, eight at
a time) a second with the proxy's processor time for each; the megabytes a second of a large FETCH through it; and the
resident memory of its process tree for each session that idles. ``straight`` is the store without a proxy. nginx asks
a small HTTP server for the way, which counts as its own and answers without looking anything up: to its advantage, as
the others look into a directory (Dovecot's is static, too). Needs root and Debian's packages dovecot-imapd,
libnginx-mod-mail.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import mail_load
import mailboxes
import peers
import stores
import tables

ACCOUNTS = [f"user{number}" for number in range(8)]
LARGE = 8 * 1024 * 1024
LIKES = {"mailframe": "nginx"}
AUTH = """
import socketserver, sys
PORT = sys.argv[2]
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            line = self.rfile.readline()
            if not line:
                return
            while line not in (b"", b"\\r\\n"):
                line = self.rfile.readline()
            self.wfile.write(b"HTTP/1.0 200 OK\\r\\nAuth-Status: OK\\r\\nAuth-Server: 127.0.0.1\\r\\nAuth-Port: "
                + PORT.encode() + b"\\r\\n\\r\\n")
            return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 100
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Proxy:
    """A proxy, or none.

    Attributes:
        imap: where clients connect to.
        pids: of its first processes.
    """

    name = "straight"

    def __init__(self, base: Path, store: stores.Store) -> None:
        self.base = base
        self.store = store
        self.imap = store.imap
        self.pids: list[int] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        base.mkdir(parents=True)

    def start(self) -> None:
        """Nothing is between."""

    def stop(self) -> None:
        """Stop it."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        self._processes, self.pids = [], []

    def _run(self, *command: object) -> None:
        with open(self.base / "log", "ab") as log:
            process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, cwd=self.base)
        self._processes.append(process)
        self.pids.append(process.pid)

    def _greets(self) -> None:
        """Wait until a connection through it is greeted."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.imap), 5) as connection:
                    if connection.recv(100).startswith(b"* OK"):
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not greet: {(self.base / 'log').read_text()[-2000:]}")

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        return sum(peers.cpu_seconds(pid) for pid in self.pids)

    def resident(self) -> int:
        """Octets of memory."""
        return sum(peers.resident_octets(pid) for pid in self.pids)


class Mailframe(Proxy):
    """A node with the proxy role and as many workers as cores."""

    name = "mailframe"

    def start(self) -> None:
        self.imap = peers.free_port()
        command = Path(sys.executable).parent
        made = self.base / "made"
        if not made.exists():
            people = [
                word
                for name in ACCOUNTS
                for word in ("--account", f"{name}@{peers.DOMAIN}:{stores.PASSWORD}")
            ]
            subprocess.run(
                [command / "mailframe", "init", made, "--domain", peers.DOMAIN, *people],
                check=True,
                capture_output=True,
            )
        (made / "proxy.toml").write_text(
            textwrap.dedent(f"""\
            [node]
            hostname = "mail.{peers.DOMAIN}"
            data = "data"
            roles = ["proxy"]
            status = ""

            [role.proxy]
            imap = ["tcp:{self.imap}:interface=127.0.0.1"]
            pop3 = []

            [role.proxy.options]
            clear_auth_from_loopback = true
            connections_limit_per_network = 0
            connections_limit_per_account = 0

            [[stores]]
            name = "s1"
            hosts = ["127.0.0.1"]
            tls = "none"
            imap = {self.store.imap}
            """)
        )
        self._run(command / "twistd", "-n", "--pidfile=", "mailframe", "--config", made / "proxy.toml")
        self._greets()


class Nginx(Proxy):
    """Debian's nginx with its mail module."""

    name = "nginx"

    def start(self) -> None:
        self.imap, auth = peers.free_port(), peers.free_port()
        (self.base / "auth.py").write_text(AUTH)
        self._run(sys.executable, self.base / "auth.py", auth, self.store.imap)
        _listens(auth)
        (self.base / "nginx.conf").write_text(
            textwrap.dedent(f"""\
            load_module /usr/lib/nginx/modules/ngx_mail_module.so;
            daemon off;
            worker_processes {os.cpu_count()};
            pid {self.base}/pid;
            error_log {self.base}/error.log warn;
            events {{ worker_connections 10000; }}
            mail {{
              auth_http 127.0.0.1:{auth}/;
              imap_capabilities "IMAP4rev1" "SASL-IR" "IDLE";
              server {{
                listen 127.0.0.1:{self.imap};
                protocol imap;
                starttls off;
              }}
            }}
            """)
        )
        self._run("/usr/sbin/nginx", "-p", self.base, "-c", self.base / "nginx.conf")
        self._greets()


class Dovecot(Proxy):
    """Debian's Dovecot as a proxy, in its high-performance login mode."""

    name = "dovecot"

    def start(self) -> None:
        self.imap = peers.free_port()
        for parent in (self.base, *self.base.parents):
            if parent in (Path("/tmp"), Path("/")):
                break
            parent.chmod(0o755)
        (self.base / "dovecot.conf").write_text(
            textwrap.dedent(f"""\
            base_dir = {self.base}/run
            state_dir = {self.base}/state
            log_path = {self.base}/log
            protocols = imap
            ssl = no
            listen = 127.0.0.1
            disable_plaintext_auth = no
            default_internal_user = nobody
            default_internal_group = nogroup
            default_login_user = nobody
            auth_mechanisms = plain
            mail_max_userip_connections = 20000
            passdb {{
              driver = static
              args = proxy=y host=127.0.0.1 port={self.store.imap} nopassword=y
            }}
            service imap-login {{
              chroot =
              service_count = 0
              process_min_avail = {os.cpu_count()}
              client_limit = 5000
              inet_listener imap {{
                port = {self.imap}
              }}
              inet_listener imaps {{
                port = 0
              }}
            }}
            service anvil {{
              chroot =
            }}
            service stats {{
              chroot =
            }}
            """)
        )
        self._run("/usr/sbin/dovecot", "-F", "-c", self.base / "dovecot.conf")
        self._greets()


def _listens(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nobody listens on port {port}")


KINDS = {kind.name: kind for kind in (Proxy, Mailframe, Nginx, Dovecot)}


def entered(port: int, number: int = 0) -> mail_load.Line:
    """A session that has selected its INBOX."""
    line = mail_load.Line(port)
    line.greeting()
    line.imap(f"LOGIN {ACCOUNTS[number]}@{peers.DOMAIN} {stores.PASSWORD}".encode())
    line.imap(b"SELECT INBOX")
    return line


def measured(proxy: Proxy, seconds: float, idle: int) -> dict[str, float]:
    """One round."""

    def cycle(number: int) -> int:
        line = entered(proxy.imap, number)
        line.imap(b"LOGOUT")
        line.close()
        return 1

    cycle(0)
    before = proxy.cpu()
    rate = mail_load.during(seconds, len(ACCOUNTS), proxy.store.pid, cycle)
    figures = {"login": rate.a_second}
    if proxy.pids:
        figures["login CPU ms"] = 1000 * (proxy.cpu() - before) / max(1.0, rate.a_second * seconds)
    figures["login generator ms"] = rate.generator
    figures["fetch MB/s"] = fetched(proxy.imap, seconds)
    if proxy.pids:
        figures["idle KB"] = idling(proxy, idle)
    return figures


def fetched(port: int, seconds: float) -> float:
    """Megabytes a second of a large message, again and again."""
    line = entered(port)
    count, begun = 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        line.imap(b"FETCH 1 BODY.PEEK[]")
        count += 1
    took = time.monotonic() - begun
    line.close()
    return count * LARGE / 1e6 / took


def idling(proxy: Proxy, count: int) -> float:
    """Kilobytes of memory for each session that does nothing."""
    lines = [entered(proxy.imap, number % len(ACCOUNTS)) for number in range(50)]
    time.sleep(1)
    before = proxy.resident()
    lines += [entered(proxy.imap, number % len(ACCOUNTS)) for number in range(count)]
    time.sleep(1)
    grown = proxy.resident() - before
    for line in lines:
        line.close()
    return grown / count / 1000


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--only", nargs="+", default=list(KINDS))
    parser.add_argument("--json")
    arguments = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="mailframe-proxy-"))
    results: tables.Results = {}
    try:
        (store,) = stores.contenders(base, ACCOUNTS, ["dovecot maildir fast"])
        store.prepare()
        store.start()
        line = entered(store.imap)
        octets = mailboxes.message(1)
        octets += b"x" * 72 + b"\r\n"
        octets += (b"y" * 72 + b"\r\n") * ((LARGE - len(octets)) // 74)
        line.send(b"b APPEND INBOX {%d}\r\n" % len(octets))
        line.until(lambda got: got.endswith(b"\r\n"), b"+")
        line.send(octets + b"\r\n")
        line.until(lambda got: got.startswith(b"b ", got.rfind(b"\n", 0, -1) + 1), b"b OK")
        line.close()
        proxies = [KINDS[name](base / name, store) for name in arguments.only]
        for number in range(arguments.rounds):
            for proxy in proxies:
                proxy.start()
                try:
                    tables.keep(results, proxy.name, measured(proxy, arguments.seconds, arguments.idle))
                finally:
                    proxy.stop()
                print(f"round {number + 1}: {proxy.name} done", flush=True)
        store.stop()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    tables.table(
        results, LIKES, lambda figure: figure in ("login", "fetch MB/s"), "the front door before one store"
    )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
