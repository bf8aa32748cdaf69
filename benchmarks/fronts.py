"""Front doors for IMAP before one store: ours, nginx's, Dovecot's and Perdition's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import peers
import stores

ACCOUNTS = [f"user{number}" for number in range(8)]
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


class Perdition(Proxy):
    """Debian's Perdition: a process for each session."""

    name = "perdition"

    def start(self) -> None:
        self.imap = peers.free_port()
        self._run(
            "/usr/sbin/perdition.imap4", "--no_daemon", "--no_lookup", "--bind_address", "127.0.0.1", "--listen_port",
            self.imap, "--outgoing_server", "127.0.0.1", "--outgoing_port", self.store.imap, "--ssl_mode", "none",
            "--config_file", "/dev/null", "--pid_file", "", "--username", "nobody", "--group", "nogroup",
        )  # fmt: skip
        self._greets()


KINDS = {kind.name: kind for kind in (Proxy, Mailframe, Nginx, Dovecot, Perdition)}
