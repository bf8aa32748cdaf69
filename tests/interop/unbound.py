"""An unbound of our own on loopback, with zones that are signed and one that is not; it asks nobody else."""

from __future__ import annotations

import os
import socket
import subprocess
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mailframe.dns.servers import Server
from tests.ports import free_port

from .service import program, run

DIGEST = "ab" * 32
SIGNED = f"""\
$ORIGIN signed.test.
$TTL 300
@ IN SOA ns.signed.test. hostmaster.signed.test. 1 3600 600 86400 120
@ IN NS ns.signed.test.
@ IN MX 10 mx.signed.test.
@ IN MX 20 mx.plain.test.
@ IN TXT "v=spf1 " "mx -all"
ns IN A 127.0.0.1
mx IN A 192.0.2.1
mx IN AAAA 2001:db8::1
_25._tcp.mx IN TLSA 3 1 1 {DIGEST}
_imaps._tcp IN SRV 0 1 993 mx.signed.test.
www IN CNAME mx.signed.test.
away IN CNAME mx.plain.test.
forged IN A 192.0.2.7
*.wild IN MX 10 mx.signed.test.
"""
PLAIN = """\
$ORIGIN plain.test.
$TTL 300
@ IN SOA ns.plain.test. hostmaster.plain.test. 1 3600 600 86400 120
@ IN NS ns.plain.test.
@ IN MX 0 .
ns IN A 127.0.0.1
mx IN A 192.0.2.2
_25._tcp.mx IN TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
many IN CNAME more
"""


class Unbound:
    """One instance, with everything below one directory.

    Args:
        base: an empty directory.
        zones: more signed zones, by name: their records, as in a zone file.
    """

    def __init__(self, base: Path, zones: Mapping[str, str] | None = None) -> None:
        self.base = base
        self._signed = {"signed.test": SIGNED, **(zones or {})}
        self.server = Server("127.0.0.1", free_port())
        self._process: subprocess.Popen[bytes] | None = None
        self._write()

    def start(self) -> None:
        """Start it; returns when it listens."""
        self._process = subprocess.Popen(
            [program("unbound"), "-d", "-p", "-c", str(self.base / "unbound.conf")],
            stdout=subprocess.DEVNULL, stderr=(self.base / "errors").open("wb"),
        )  # fmt: skip
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection((self.server.address, self.server.port), 5).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"unbound does not listen: {(self.base / 'errors').read_text()[-3000:]}")

    def stop(self) -> None:
        """Stop it."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(20)

    def _write(self) -> None:
        many = "".join(f"more IN A 198.51.100.{number}\n" for number in range(1, 201))
        (self.base / "plain.zone").write_text(PLAIN + many)
        keys = [self._sign(name, records) for name, records in self._signed.items()]
        signed = (self.base / "signed.test.zone.signed").read_text()
        # What an attacker would do: the address is another, the signature is as it was.
        (self.base / "signed.test.zone.signed").write_text(signed.replace("192.0.2.7", "203.0.113.66"))
        (self.base / "unbound.conf").write_text(self._configuration(keys))
        os.chmod(self.base, 0o755)

    def _sign(self, name: str, records: str) -> Path:
        """Write a signed zone; the file of its key."""
        (self.base / f"{name}.zone").write_text(records)
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, cwd=self.base).decode().strip()
        # With NSEC: of names below empty ones, unbound's own zones cannot prove by NSEC3 that they are not there.
        run("ldns-signzone", f"{name}.zone", key, cwd=self.base)
        return self.base / f"{key}.key"

    def _configuration(self, keys: Sequence[Path]) -> str:
        files = {name: f"{name}.zone.signed" for name in self._signed} | {"plain.test": "plain.zone"}
        zones = "".join(
            f'auth-zone:\n  name: "{name}."\n  zonefile: "{file}"\n  for-upstream: yes\n  for-downstream: no\n'
            for name, file in files.items()
        )
        anchors = "".join(f'server:\n  trust-anchor-file: "{key}"\n' for key in keys)
        return (
            textwrap.dedent(f"""\
            server:
              interface: 127.0.0.1
              outgoing-interface: 127.0.0.1
              port: {self.server.port}
              access-control: 127.0.0.0/8 allow
              directory: "{self.base}"
              chroot: ""
              username: ""
              pidfile: ""
              use-syslog: no
              do-ip6: no
              module-config: "validator iterator"
              trust-anchor-signaling: no
              local-zone: "test." nodefault
              do-not-query-localhost: no
            remote-control:
              control-enable: no
            """)
            + anchors
            + zones
        )
