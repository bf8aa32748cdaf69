"""A real LDAP server for tests: Debian's ``slapd``, in a folder of its own."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SLAPD = "/usr/sbin/slapd"
ABSENT = "" if Path(SLAPD).exists() else "slapd is not installed"
BASE = "dc=example,dc=test"
NAME = f"cn=mailframe,{BASE}"
PASSWORD = "geheim"

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/misc.schema
modulepath /usr/lib/ldap
moduleload back_mdb
{tls}
database mdb
suffix "dc=example,dc=test"
directory {folder}/db
maxsize 10485760
dbnosync
index objectClass,uid,mail eq
access to attrs=userPassword by dn.base="cn=mailframe,dc=example,dc=test" read by anonymous auth by * none
access to * by dn.base="cn=mailframe,dc=example,dc=test" read by * none
"""

ENTRIES = """dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
objectClass: domainRelatedObject
o: Example
dc: example
associatedDomain: example.net

dn: cn=mailframe,dc=example,dc=test
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: mailframe
userPassword: geheim

"""


class Slapd:
    """A server with these entries; started and stopped by the test.

    Args:
        entries: LDIF of further entries.
        certificate: files with a certificate and its key, for TLS.
    """

    def __init__(self, entries: str, certificate: tuple[Path, Path] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mfldap-", dir="/tmp"))
        (self.folder / "db").mkdir()
        tls = ""
        if certificate is not None:
            tls = f"TLSCertificateFile {certificate[0]}\nTLSCertificateKeyFile {certificate[1]}"
        (self.folder / "slapd.conf").write_text(CONFIGURATION.format(folder=self.folder, tls=tls))
        (self.folder / "entries.ldif").write_text(ENTRIES + entries)
        subprocess.run(
            [SLAPD, "-Ta", "-q", "-f", self.folder / "slapd.conf", "-l", self.folder / "entries.ldif"],
            check=True,
            capture_output=True,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"ldap://127.0.0.1:{self.port}"
        self.ldapi = f"ldapi://{str(self.folder / 'socket').replace('/', '%2F')}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [SLAPD, "-d", "0", "-f", self.folder / "slapd.conf", "-h", f"{self.url}/ {self.ldapi}/"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("slapd does not start")

    def kill(self) -> None:
        """End it at once; safe to call twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
