"""Server contexts, with real OpenSSL clients over memory."""

from __future__ import annotations

import os
import ssl
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.config.types import FilePath
from mailframe.tls.development import make_certificate
from mailframe.tls.errors import CertificateError
from mailframe.tls.files import now
from mailframe.tls.interfaces import IServerContexts
from mailframe.tls.options import CertificateFiles
from mailframe.tls.server import Contexts, _choose, wrap


class Client:
    """Python's own OpenSSL, over memory."""

    def __init__(
        self, name: str | None, minimum: Any = None, maximum: Any = None, ciphers: str | None = None
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if minimum is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version, context.maximum_version = minimum, maximum
        if ciphers is not None:
            context.set_ciphers(ciphers)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    def handshake(self, protocol: Any, transport: StringTransport) -> None:
        """Go on until the handshake is done or fails with `ssl.SSLError`."""
        for _ in range(10):
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            else:
                self.exchange(protocol, transport)
                return
            self.exchange(protocol, transport)
        raise ssl.SSLError("the server closed")

    def exchange(self, protocol: Any, transport: StringTransport) -> None:
        if self.outgoing.pending:
            protocol.dataReceived(self.outgoing.read())
        octets = transport.value()
        transport.clear()
        self.incoming.write(octets)

    def names(self) -> list[str]:
        """The names in the certificate that was shown."""
        octets = self.tls.getpeercert(binary_form=True)
        assert octets is not None
        certificate = x509.load_der_x509_certificate(octets)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return list(names.get_values_for_type(x509.DNSName))


class Echo(Protocol):
    """Says what it hears."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class TLSTests(SynchronousTestCase):
    """Helpers."""

    def files(self, *names: str) -> CertificateFiles:
        return make_certificate(self.mktemp(), names)

    def meet(self, contexts: Contexts, name: str | None, **client: Any) -> Client:
        """A handshake as `wrap` does it."""
        factory = wrap(Factory.forProtocol(Echo), contexts, Clock())  # type: ignore[arg-type]
        return self.shake(factory, Client(name, **client))

    def shake(self, factory: Any, client: Client) -> Client:
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        protocol.makeConnection(transport)
        client.handshake(protocol, transport)
        client.tls.write(b"hello")
        client.exchange(protocol, transport)
        protocol.factory._clock.advance(1)
        client.exchange(protocol, transport)
        self.assertEqual(b"hello", client.tls.read(100))
        return client


class ChoiceTests(TLSTests):
    """Which certificate is shown."""

    def setUp(self) -> None:
        self.contexts = Contexts(
            [self.files("a.example.test", "shared.test"), self.files("*.b.test", "shared.test")]
        )

    def test_interface(self) -> None:
        """It is what servers ask."""
        verifyObject(IServerContexts, self.contexts)

    def test_names(self) -> None:
        """Exact name, then wildcard of one label, then the first; in any case."""
        for name, shown in [
            ("a.example.test", "a.example.test"),
            ("A.Example.TEST", "a.example.test"),
            ("x.b.test", "*.b.test"),
            ("b.test", "a.example.test"),
            ("y.x.b.test", "a.example.test"),
            ("unknown.test", "a.example.test"),
            ("shared.test", "a.example.test"),
            (None, "a.example.test"),
        ]:
            self.assertEqual(shown, self.meet(self.contexts, name).names()[0], name)

    @given(st.binary(max_size=300) | st.none())
    def test_any_name(self, name: bytes | None) -> None:
        """Whatever a client calls us, there is a certificate for it."""
        _choose({}, name)

    def test_names_from_the_configuration(self) -> None:
        """A certificate may be shown for other names than its own."""
        files = self.files("b.test")
        other = CertificateFiles(files.certificate, files.key, ("c.test",))
        contexts = Contexts([self.files("a.test"), other])
        self.assertEqual(["b.test"], self.meet(contexts, "c.test").names())
        self.assertEqual(["a.test"], self.meet(contexts, "b.test").names())

    def test_start_tls(self) -> None:
        """What `startTLS` takes chooses by name as well."""
        creator = self.contexts.contexts()
        self.assertTrue(hasattr(creator, "serverConnectionForTLS"))
        self.assertIs(creator, self.contexts.contexts())


class VersionTests(TLSTests):
    """Which TLS is spoken."""

    def test_modern(self) -> None:
        """TLS 1.2 and 1.3 work, with forward secrecy."""
        contexts = Contexts([self.files("a.test")])
        for version, text in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            client = self.meet(contexts, "a.test", minimum=version, maximum=version)
            self.assertEqual(text, client.tls.version())
            cipher = client.tls.cipher()
            assert cipher is not None
            self.assertTrue(cipher[0].startswith(("ECDHE-", "TLS_")), cipher)

    def test_old_versions_are_refused(self) -> None:
        """TLS 1.0 and 1.1 are gone (RFC 8996)."""
        contexts = Contexts([self.files("a.test")])
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            self.assertRaises(ssl.SSLError, self.meet, contexts, "a.test", minimum=version, maximum=version)

    def test_minimum(self) -> None:
        """TLS 1.2 can be refused as well."""
        contexts = Contexts([self.files("a.test")], "TLSv1.3")
        self.assertEqual("TLSv1.3", self.meet(contexts, "a.test").tls.version())
        version = ssl.TLSVersion.TLSv1_2
        self.assertRaises(ssl.SSLError, self.meet, contexts, "a.test", minimum=version, maximum=version)

    def test_weak_ciphers_are_refused(self) -> None:
        """No cipher without authenticated encryption."""
        contexts = Contexts([self.files("a.test")])
        version = ssl.TLSVersion.TLSv1_2
        self.assertRaises(
            ssl.SSLError,
            self.meet,
            contexts,
            "a.test",
            minimum=version,
            maximum=version,
            ciphers="ECDHE-ECDSA-AES128-SHA",
        )


class ReloadTests(TLSTests):
    """New certificates while running."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        self.files_ = make_certificate(self.directory, ["old.test"])
        self.contexts = Contexts([self.files_])
        self.factory = wrap(Factory.forProtocol(Echo), self.contexts, Clock())  # type: ignore[arg-type]

    def shown(self) -> str:
        return self.shake(self.factory, Client("any.test")).names()[0]

    def test_reload(self) -> None:
        """Connections after the reload get the new certificate, from the same listener."""
        self.assertEqual("old.test", self.shown())
        make_certificate(self.directory, ["new.test"])
        self.assertEqual("old.test", self.shown())
        self.contexts.reload()
        self.assertEqual("new.test", self.shown())

    def test_bad_files_change_nothing(self) -> None:
        """A reload that fails says why, and the old certificate stays."""
        with open(self.files_.key, "w") as file:
            file.write("no key")
        error = self.assertRaises(CertificateError, self.contexts.reload)
        self.assertIn(self.files_.key, str(error))
        self.assertEqual("old.test", self.shown())

    def test_watch(self) -> None:
        """New files are noticed; broken ones are told once and the old ones stay."""
        clock = Clock()
        stop = self.contexts.watch(clock, 60.0)
        make_certificate(self.directory, ["new.test"])
        clock.advance(59)
        self.assertEqual("old.test", self.shown())
        clock.advance(1)
        self.assertEqual("new.test", self.shown())
        with capturedLogs() as events:
            os.unlink(self.files_.key)
            clock.pump([60, 60, 60])
        self.assertEqual(1, len(events))
        self.assertEqual("new.test", self.shown())
        make_certificate(self.directory, ["third.test"])
        clock.advance(60)
        self.assertEqual("third.test", self.shown())
        stop()
        stop()
        self.assertEqual([], clock.getDelayedCalls())


class FilesTests(TLSTests):
    """What is wrong with certificates is said."""

    def refused(self, *words: str, **paths: str) -> None:
        files = self.files("a.test")
        changed = CertificateFiles(
            FilePath(paths.get("certificate", files.certificate)), FilePath(paths.get("key", files.key))
        )
        error = self.assertRaises(CertificateError, Contexts, [changed])
        for word in words:
            self.assertIn(word, str(error))

    def write(self, octets: bytes) -> str:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(octets)
        os.chmod(path, 0o600)
        return path

    def test_missing(self) -> None:
        """Missing files are named."""
        self.refused("/no/such", "No such file", certificate="/no/such")
        self.refused("/no/such", "No such file", key="/no/such")
        self.assertRaises(CertificateError, Contexts, [])
        self.assertRaises(CertificateError, Contexts, [self.files("a.test")], "1.1")

    def test_other_content(self) -> None:
        """Files that hold something else are named."""
        for octets in (b"", b"hello", b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n"):
            path = self.write(octets)
            self.refused(path, "no certificate", certificate=path)
            self.refused(path, "no private key", key=path)

    def test_key_of_another(self) -> None:
        """A key that belongs to another certificate is found out at start."""
        self.refused("does not belong", key=self.files("b.test").key)

    def test_passphrase(self) -> None:
        """A key with a passphrase is refused with advice."""
        key = ec.generate_private_key(ec.SECP256R1())
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        self.refused("passphrase", key=self.write(octets))

    def test_common_name(self) -> None:
        """An old certificate without a list of names counts by its common name; the end is warned of."""
        for days, word in ((-1, "expired"), (3, "expires"), (100, None)):
            contexts = Contexts([self.signed("old.test", days)])
            self.assertEqual(("old.test",), contexts._generation.certificates[0].names)
            problems = contexts.problems()
            self.assertEqual(word is not None, bool(problems))
            if word is not None:
                self.assertIn(word, problems[0])

    def test_chain(self) -> None:
        """The certificates behind the first are sent along."""
        files, other = self.files("a.test"), self.files("authority.test")
        with open(files.certificate, "ab") as file, open(other.certificate, "rb") as more:
            file.write(more.read())
        contexts = Contexts([files])
        self.assertEqual(1, len(contexts._generation.certificates[0].chain))
        self.assertEqual(["a.test"], self.meet(contexts, "a.test").names())

    def signed(self, name: str, days: int) -> CertificateFiles:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(5)
            .not_valid_before(now() - timedelta(days=10))
            .not_valid_after(now() + timedelta(days=days))
            .sign(key, hashes.SHA256())
        )
        return CertificateFiles(
            FilePath(self.write(certificate.public_bytes(Encoding.PEM))),
            FilePath(self.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))),
        )
