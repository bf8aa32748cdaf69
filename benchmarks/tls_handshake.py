"""What TLS costs: handshakes whole and with a ticket, records, and STARTTLS sessions next to Postfix.

Run: ``python benchmarks/tls_handshake.py [--handshakes N] [--peers]``. In memory only the server's part is timed,
in processor time, and the best of five rounds is told. With ``--peers`` (as root, with Postfix installed) real
servers on loopback are asked for sessions of EHLO, STARTTLS, EHLO, QUIT, and their processor time is counted.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL
from peers import Mailframe, Postfix, Server, cpu_seconds

from mailframe.config.types import FilePath
from mailframe.tls.client import ClientContexts
from mailframe.tls.context import groups_available
from mailframe.tls.options import GROUPS, CertificateFiles, TLSOptions
from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tls.server import Contexts

NAME = "mx.example.test"
POLICY = ClientPolicy(Level.ENCRYPT)
MEGABYTES = 64


def certificate(base: Path, kind: str) -> CertificateFiles:
    """A certificate signed by itself."""
    key: Any = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "RSA-2048"
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=100))
        .sign(key, hashes.SHA256())
    )
    (base / f"{kind}.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (base / f"{kind}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return CertificateFiles(FilePath(str(base / f"{kind}.pem")), FilePath(str(base / f"{kind}.key")))


class Pair:
    """One connection in memory; counts the time of the server's side."""

    def __init__(self, contexts: Contexts, client: ClientContexts) -> None:
        self.server: Any = contexts.contexts().serverConnectionForTLS(None)  # type: ignore[arg-type]
        self.client: Any = client.creator(POLICY, NAME).clientConnectionForTLS(None)  # type: ignore[arg-type]
        self.seconds = 0.0

    def shake(self) -> None:
        """Until both are done."""
        while True:
            try:
                self.client.do_handshake()
                done = True
            except SSL.WantReadError:
                done = False
            self._carry(self.client, self.server)
            began = time.process_time()
            try:
                self.server.do_handshake()
                done_too = True
            except SSL.WantReadError:
                done_too = False
            self.seconds += time.process_time() - began
            self._carry(self.server, self.client)
            if done and done_too:
                break
        try:
            self.client.recv(1)
        except SSL.WantReadError:
            pass

    def receive(self, megabytes: int) -> float:
        """Megabytes from client to server; seconds of the server."""
        octets = b"x" * 16384
        seconds = 0.0
        for _ in range(megabytes * 1_000_000 // len(octets)):
            self.client.send(octets)
            sealed = self.client.bio_read(32768)
            began = time.process_time()
            self.server.bio_write(sealed)
            self.server.recv(32768)
            seconds += time.process_time() - began
        return seconds

    @staticmethod
    def _carry(source: Any, target: Any) -> None:
        try:
            while True:
                target.bio_write(source.bio_read(65536))
        except SSL.WantReadError:
            pass


def in_memory(kind: str, groups: list[str], count: int, base: Path) -> None:
    """Handshakes a second of one processor, whole and with a ticket."""
    options = TLSOptions(certificates=[certificate(base, kind)], groups=groups)
    figures = []
    for again in (False, True):
        best = float("inf")
        for _ in range(5):
            contexts, seconds = Contexts(options=options), 0.0
            kept = ClientContexts()
            for _ in range(count):
                pair = Pair(contexts, kept if again else ClientContexts())
                pair.shake()
                pair.client.shutdown()
                seconds += pair.seconds
            best = min(best, seconds / count)
        figures.append(best)
    whole, resumed = figures
    print(
        f"{kind:9} {groups[0]:15}: {whole * 1e6:6.0f} µs a handshake ({1 / whole:6.0f}/s), "
        f"with a ticket {resumed * 1e6:6.0f} µs ({1 / resumed:6.0f}/s)"
    )


def records(base: Path) -> None:
    """Megabytes a second that a server decrypts."""
    contexts = Contexts(options=TLSOptions(certificates=[certificate(base, "P-256")]))
    best = float("inf")
    for _ in range(5):
        pair = Pair(contexts, ClientContexts())
        pair.shake()
        best = min(best, pair.receive(MEGABYTES))
    print(f"records of 16 KiB, {pair.server.get_cipher_name()}: {MEGABYTES / best:6.0f} MB/s received")


def sessions(server: Server, count: int, again: bool) -> tuple[float, float, int]:
    """STARTTLS sessions, one after the other: seconds and processor seconds of the server a session, resumptions."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session, resumed = None, 0
    cpu, began = cpu_seconds(server.pid), time.perf_counter()
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", server.port), 20) as plain:
            _read(plain)
            for command in (b"EHLO client.example.test\r\n", b"STARTTLS\r\n"):
                plain.sendall(command)
                _read(plain)
            with context.wrap_socket(plain, server_hostname=NAME, session=session) as client:
                for command in (b"EHLO client.example.test\r\n", b"QUIT\r\n"):
                    client.sendall(command)
                    _read(client)
                resumed += bool(client.session_reused)
                session = client.session if again else None
    return (time.perf_counter() - began) / count, (cpu_seconds(server.pid) - cpu) / count, resumed


def _read(client: socket.socket) -> bytes:
    """A whole reply."""
    reply = b""
    while not reply.endswith(b"\n") or reply.rstrip().rpartition(b"\n")[2][3:4] == b"-":
        octets = client.recv(4096)
        if not octets:
            raise ConnectionError(f"the server closed after {reply!r}")
        reply += octets
    return reply


def beside_postfix(base: Path, count: int) -> None:
    """Both in one run, in turns."""
    for kind in (Mailframe, Postfix):
        server = kind(base, ["alice"])
        server.start()
        try:
            sessions(server, 20, False)
            for again in (False, True):
                seconds, cpu, resumed = sessions(server, count, again)
                print(
                    f"{server.name:10} STARTTLS session, {'ticket kept' if again else 'no ticket':11}: "
                    f"{seconds * 1e3:5.2f} ms, {cpu * 1e3:5.2f} ms of CPU, {resumed} of {count} resumed"
                )
        finally:
            server.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handshakes", type=int, default=200)
    parser.add_argument("--peers", action="store_true", help="next to Postfix, on loopback")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        base = Path(directory)
        available = groups_available(GROUPS)
        for kind in ("P-256", "RSA-2048"):
            for groups in dict.fromkeys([tuple(available), ("X25519",)]):
                in_memory(kind, list(groups), options.handshakes, base)
        records(base)
        if options.peers:
            beside_postfix(base, options.handshakes * 2)


if __name__ == "__main__":
    main()
