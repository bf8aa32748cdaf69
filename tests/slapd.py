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
include {folder}/more.schema
modulepath /usr/lib/ldap
moduleload back_mdb
{tls}
database mdb
suffix "dc=example,dc=test"
rootdn "cn=root,dc=example,dc=test"
rootpw root
limits dn.exact="cn=mailframe,dc=example,dc=test" size=unlimited
directory {folder}/db
maxsize {octets}
dbnosync
index objectClass,uid,mail,modifyTimestamp eq
access to attrs=userPassword by dn.base="cn=mailframe,dc=example,dc=test" read by anonymous auth by * none
access to * by dn.base="cn=mailframe,dc=example,dc=test" read by * none
"""

# The schemas of Active Directory and qmail-ldap, as far as it matters here; the numbers are OpenLDAP's for experiments.
SCHEMA = """
attributetype ( 1.3.6.1.4.1.4203.666.1.900 NAME 'userPrincipalName'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.901 NAME 'proxyAddresses'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.4203.666.1.902 NAME 'userAccountControl'
  EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.903 NAME 'objectCategory'
  EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.4203.666.3.900 NAME 'user' SUP top STRUCTURAL MUST cn
  MAY ( userPrincipalName $ proxyAddresses $ userAccountControl $ objectCategory $ mail $ userPassword ) )
objectclass ( 1.3.6.1.4.1.4203.666.3.901 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( mail $ member ) )
attributetype ( 1.3.6.1.4.1.4203.666.1.910 NAME 'mailAlternateAddress'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.4203.666.1.911 NAME 'mailForwardingAddress'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
attributetype ( 1.3.6.1.4.1.4203.666.1.912 NAME 'mailQuotaSize'
  EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.913 NAME 'accountStatus'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.4203.666.1.914 NAME 'deliveryMode'
  EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.3.6.1.4.1.4203.666.3.910 NAME 'qmailUser' SUP top AUXILIARY MUST ( mail )
  MAY ( uid $ mailAlternateAddress $ mailForwardingAddress $ mailQuotaSize $ mailHost $ accountStatus $
    deliveryMode $ userPassword ) )
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
        octets: how much it may keep.
    """

    def __init__(
        self, entries: str, certificate: tuple[Path, Path] | None = None, octets: int = 40 << 20
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mfldap-", dir="/tmp"))
        (self.folder / "db").mkdir()
        tls = ""
        if certificate is not None:
            tls = f"TLSCertificateFile {certificate[0]}\nTLSCertificateKeyFile {certificate[1]}"
        (self.folder / "more.schema").write_text(SCHEMA)
        (self.folder / "slapd.conf").write_text(
            CONFIGURATION.format(folder=self.folder, tls=tls, octets=octets)
        )
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
