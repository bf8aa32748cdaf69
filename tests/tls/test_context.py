"""What servers speak and refuse, with OpenSSL as the client."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import ssl
import weakref
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.dialogue.tls_facts import channel_binding, tls_facts
from mailframe.tls.client import ClientContexts
from mailframe.tls.context import groups_available
from mailframe.tls.errors import CertificateError
from mailframe.tls.files import alternative_names
from mailframe.tls.options import GROUPS, CertificateFiles, TLSOptions
from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tls.server import Contexts

from .authorities import NAME, Issued, issue, self_signed, stranger, trusted
from .meeting import Meeting

ANY = ClientPolicy(Level.ENCRYPT)


class Raw:
    """A client with any settings at all; what `startTLS` takes.

    Args:
        settings: called with the context.
    """

    def __init__(self, *settings: Any) -> None:
        from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
        from zope.interface import directlyProvides

        directlyProvides(self, IOpenSSLClientConnectionCreator)
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        for setting in settings:
            setting(self.context)

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        connection.set_connect_state()
        connection.set_tlsext_host_name(NAME.encode())
        return connection


@implementer(IOpenSSLServerConnectionCreator)
class BareCreator:
    """What `startTLS` takes, with a context of ours and connections that are not."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        return connection


def groups(*names: str) -> Any:
    """Offer these groups only."""
    return lambda context: SSL._lib.SSL_CTX_set1_curves_list(  # type: ignore[attr-defined]
        context._context, ":".join(names).encode()
    )


def versions(version: int) -> Any:
    """Speak this version only."""

    def setting(context: SSL.Context) -> None:
        context.set_cipher_list(b"ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)

    return setting


def ciphers(text: str) -> Any:
    """Offer these ciphers of TLS 1.2 only."""

    def setting(context: SSL.Context) -> None:
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        context.set_cipher_list(text.encode())

    return setting


def names_of(certificate: Any) -> list[str]:
    """The DNS names in a certificate."""
    return list(alternative_names(certificate).get_values_for_type(x509.DNSName))


class ContextCase(SynchronousTestCase):
    """A server with certificates of one's choice."""

    def server(self, *certificates: CertificateFiles, **options: Any) -> Any:
        listed = list(certificates) or [issue(NAME).write(self.mktemp())]
        return Contexts(options=TLSOptions(certificates=listed, **options)).contexts()


class RefusalTests(ContextCase):
    """What is not spoken any more."""

    def refused(self, setting: Any, *certificates: CertificateFiles) -> None:
        meeting = Meeting(self.server(*certificates), Raw(setting))
        self.assertFalse(meeting.client.completed or meeting.server.completed)
        self.assertEqual((b"", b""), (meeting.client.heard, meeting.server.heard))

    def test_versions(self) -> None:
        """TLS 1.0 and 1.1 are gone (RFC 8996); SSL 3 is not even in OpenSSL any more."""
        for version in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
            self.refused(versions(version))

    def test_ciphers(self) -> None:
        """No anonymous key exchange, no encryption without authentication of each record, no forward secrecy left out."""
        rsa = self_signed(NAME).write(self.mktemp())
        for cipher in (
            "ADH-AES256-GCM-SHA384",
            "AECDH-AES256-SHA",
            "AES256-GCM-SHA384",
            "AES128-SHA",
            "ECDHE-RSA-AES128-SHA",
            "ECDHE-RSA-AES256-SHA384",
            "ECDHE-RSA-NULL-SHA",
            "NULL-SHA256",
            "CAMELLIA256-SHA",
        ):
            self.refused(ciphers(f"{cipher}:@SECLEVEL=0"), rsa)

    def test_listed_ciphers_are_there(self) -> None:
        """No suite is on the list that can never be agreed on, as those with DHE: there are no parameters for them."""
        connection = SSL.Connection(self.server()._context, None)
        for cipher in connection.get_cipher_list():
            self.assertRegex(cipher, "^(TLS_|ECDHE-)")

    def test_ciphers_that_openssl_has_forgotten(self) -> None:
        """RC4, 3DES and export ciphers cannot even be asked for with this OpenSSL."""
        for cipher in ("RC4-SHA", "DES-CBC3-SHA", "EXP-RC4-MD5"):
            context = SSL.Context(SSL.TLS_SERVER_METHOD)
            self.assertRaises(SSL.Error, context.set_cipher_list, cipher.encode())
            with self.assertRaisesRegex(CertificateError, cipher):
                self.server(ciphers=cipher)

    def test_renegotiation(self) -> None:
        """A client cannot ask for handshake after handshake."""
        meeting = Meeting(self.server(), Raw(versions(SSL.TLS1_2_VERSION)))
        self.assertTrue(meeting.client.completed)
        client, server = meeting.handle, meeting.server_handle
        client.renegotiate()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        server.bio_write(client.bio_read(65536))
        self.assertRaises(SSL.WantReadError, server.recv, 100)
        client.bio_write(server.bio_read(65536))
        with self.assertRaisesRegex(SSL.Error, "no renegotiation"):
            client.do_handshake()
        self.assertEqual(0, server.total_renegotiations())


class AgreementTests(ContextCase):
    """What is agreed on."""

    def test_groups(self) -> None:
        """The hybrid group where both have it, whatever the client likes best; among others the client's."""
        available = groups_available(GROUPS)
        for offered, agreed in (
            (available, available[0]),
            (["X25519"], "X25519"),
            (["X25519", *available[:1]], available[0]),
            (["P-384", *available], available[0]),
            (["P-384", "X25519"], "P-384"),
            (["P-384"], "P-384"),
        ):
            meeting = Meeting(self.server(), Raw(groups(*offered)))
            facts = tls_facts(meeting.server_handle)
            assert facts is not None
            assert facts.group is not None
            names = {"secp256r1": "P-256", "secp384r1": "P-384"}
            self.assertEqual(agreed.lower(), names.get(facts.group, facts.group).lower())

    def test_hybrid_group(self) -> None:
        """Our own two ends agree on the hybrid group where OpenSSL has it."""
        if "X25519MLKEM768" in groups_available(GROUPS):
            meeting = Meeting(self.server(), ClientContexts().creator(ANY, NAME))
            self.assertEqual("X25519MLKEM768", meeting.handle.get_group_name())

    def test_groups_of_the_configuration(self) -> None:
        """Groups may be chosen; what OpenSSL does not know is told, unless it is of the default."""
        meeting = Meeting(self.server(groups=["P-384"]), Raw(groups("X25519", "P-384")))
        self.assertEqual("secp384r1", meeting.handle.get_group_name())
        refused = Meeting(self.server(groups=["P-384"]), Raw(groups("X25519")))
        self.assertFalse(refused.client.completed)
        for wrong in (["P-256", "Nonsense"], ["Ünsinn"], []):
            error = self.assertRaises(CertificateError, self.server, groups=wrong)
            self.assertIn("groups", str(error))

    def test_servers_preference(self) -> None:
        """The server's order of ciphers counts."""
        rsa = self_signed(NAME).write(self.mktemp())
        server = self.server(rsa)
        for offered in (
            "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305",
        ):
            meeting = Meeting(server, Raw(ciphers(offered)))
            self.assertEqual("ECDHE-RSA-AES256-GCM-SHA384", meeting.handle.get_cipher_name())

    def test_long_chain(self) -> None:
        """A chain that is longer than what Twisted sends at once arrives whole."""
        issued = issue(NAME)
        more = [issue(f"host{number}.example.test").chain[0] for number in range(100)]
        long = Issued([*issued.chain, *more], issued.key)
        meeting = Meeting(self.server(long.write(self.mktemp())), Raw())
        self.assertTrue(meeting.client.completed)
        self.assertEqual(list(long.chain), meeting.handle.get_peer_cert_chain(as_cryptography=True))

    def test_repeated_hello(self) -> None:
        """A client that has to say hello twice may do so after certificates were swapped: both are asked for the name."""
        listed = [issue("default.test").write(self.mktemp()), issue(NAME).write(self.mktemp())]
        contexts = Contexts(options=TLSOptions(certificates=listed))
        client = Raw(groups("P-521", "X25519")).clientConnectionForTLS(None)
        server: Any = contexts.contexts().serverConnectionForTLS(None)  # type: ignore[arg-type]
        begun = weakref.ref(server.get_context())
        self.step(client, server)
        self.step(server, client)
        self.assertIsNot(begun(), server.get_context())
        contexts.reload()
        gc.collect()
        # OpenSSL holds its part of the first context, and asks Python's as well.
        self.assertIsNotNone(begun())
        for _ in range(3):
            self.step(client, server)
            self.step(server, client)
        self.assertEqual([NAME], names_of(client.get_peer_certificate(as_cryptography=True)))
        server.shutdown()
        del server
        gc.collect()
        self.assertIsNone(begun())

    def step(self, one: SSL.Connection, other: SSL.Connection) -> None:
        """Go on with one side's handshake, and carry what it says to the other."""
        with contextlib.suppress(SSL.WantReadError):
            one.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(65536))

    def test_two_kinds_of_key(self) -> None:
        """RSA and ECDSA for one name stand side by side; each client gets what it can verify, with its chain."""
        rsa, ecdsa = issue(NAME, key="RSA"), issue(NAME)
        for listed in ((rsa, ecdsa), (ecdsa, rsa)):
            server = self.server(*(issued.write(self.mktemp()) for issued in listed))
            for suite, issued in (
                ("ECDHE-RSA-AES128-GCM-SHA256", rsa),
                ("ECDHE-ECDSA-AES128-GCM-SHA256", ecdsa),
            ):
                meeting = Meeting(server, Raw(ciphers(suite)))
                chain = meeting.handle.get_peer_cert_chain(as_cryptography=True)
                self.assertEqual(list(issued.chain), chain)
        other = issue("other.test", key="RSA").write(self.mktemp())
        server = self.server(issue("default.test").write(self.mktemp()), other, rsa.write(self.mktemp()))
        self.assertFalse(Meeting(server, Raw(ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"))).client.completed)

    def test_channel_binding(self) -> None:
        """Both ends know the same octets with TLS 1.3, and none with 1.2 (RFC 9266)."""
        meeting = Meeting(self.server(), Raw())
        ours = channel_binding(meeting.server_handle)
        assert ours is not None
        self.assertEqual((32, ours), (len(ours), channel_binding(meeting.handle)))
        old = Meeting(self.server(), Raw(versions(SSL.TLS1_2_VERSION)))
        self.assertTrue(old.client.completed)
        self.assertIsNone(channel_binding(old.server_handle))


class SessionTests(ContextCase):
    """Session tickets."""

    def resumed(self, contexts: ClientContexts, server: Any) -> bool:
        meeting = Meeting(server, contexts.creator(ANY, NAME))
        self.assertTrue(meeting.client.completed)
        answer = bool(SSL._lib.SSL_session_reused(meeting.handle._ssl))  # type: ignore[attr-defined]
        meeting.close()
        return answer

    def test_tickets(self) -> None:
        """A client comes back with a ticket, to any name; the server keeps nothing for it."""
        contexts, server = ClientContexts(), self.server()
        self.assertEqual([False, True, True], [self.resumed(contexts, server) for _ in range(3)])

    def test_tickets_with_tls_12(self) -> None:
        """So it is with TLS 1.2."""
        server, raw = self.server(), Raw(versions(SSL.TLS1_2_VERSION))
        first = Meeting(server, raw)
        session = first.handle.get_session()
        first.close()
        connection = raw.clientConnectionForTLS(None)
        connection.set_session(session)
        raw.clientConnectionForTLS = lambda protocol: connection  # type: ignore[method-assign]
        self.assertTrue(Meeting(server, raw).client.completed)
        self.assertTrue(SSL._lib.SSL_session_reused(connection._ssl))  # type: ignore[attr-defined]

    def test_another_worker(self) -> None:
        """A ticket of somebody else is no harm: the handshake is a whole one."""
        contexts = ClientContexts()
        self.assertFalse(self.resumed(contexts, self.server()))
        self.assertFalse(self.resumed(contexts, self.server()))

    def test_off(self) -> None:
        """Tickets can be turned off, and are where clients show certificates."""
        for options in (
            {"session_lifetime": 0.0},
            {"client_certificates": "request", "client_authorities": trusted(self.mktemp())},
        ):
            contexts, server = ClientContexts(), self.server(**options)
            self.assertEqual([False, False], [self.resumed(contexts, server) for _ in range(2)])


class ClientCertificateTests(ContextCase):
    """Certificates of clients."""

    def meet(self, mode: str, client: CertificateFiles | None, *settings: Any) -> Meeting:
        server = self.server(client_certificates=mode, client_authorities=trusted(self.mktemp()))
        return Meeting(server, ClientContexts(certificate=client).creator(ANY, NAME))

    def test_good(self) -> None:
        """The name in a good certificate is known, with either version of TLS."""
        for mode in ("request", "require"):
            issued = issue("alice@example.test")
            meeting = self.meet(mode, issued.write(self.mktemp()))
            facts = tls_facts(meeting.server_handle)
            assert facts is not None
            digest = hashlib.sha256(issued.chain[0].public_bytes(Encoding.DER)).hexdigest()
            self.assertEqual(digest, facts.client_fingerprint)
            self.assertEqual(("alice@example.test", "pkix"), (facts.client_name, facts.verified))
            self.assertEqual(b"hello", meeting.client.heard)

    def test_none(self) -> None:
        """Without one, a client is nobody, or turned away where one is required."""
        meeting = self.meet("request", None)
        facts = tls_facts(meeting.server_handle)
        assert facts is not None
        self.assertEqual((None, None), (facts.client_name, facts.verified))
        self.assertIsNone(facts.client_fingerprint)
        self.assertFalse(self.meet("require", None).server.completed)

    def test_not_asked(self) -> None:
        """Where none is asked for, none is seen."""
        client = issue("alice@example.test").write(self.mktemp())
        meeting = Meeting(self.server(), ClientContexts(certificate=client).creator(ANY, NAME))
        self.assertIsNone(meeting.server_handle.client_name)

    def test_bad(self) -> None:
        """One that is not good is as none: expired, signed by itself, by somebody we do not know."""
        for issued in (
            issue("alice@example.test", expired=True),
            self_signed("alice.example.test"),
            issue("alice@example.test", ca=stranger()),
        ):
            client = issued.write(self.mktemp())
            meeting = self.meet("request", client)
            self.assertEqual(b"hello", meeting.client.heard)
            facts = tls_facts(meeting.server_handle)
            assert facts is not None
            self.assertEqual((None, None), (facts.client_name, facts.verified))
            self.assertIsNone(facts.client_fingerprint)
            self.assertFalse(self.meet("require", client).server.completed)

    def test_connection_of_another_kind(self) -> None:
        """A bad certificate is not overlooked where nobody would know of it."""
        server = self.server(client_certificates="request", client_authorities=trusted(self.mktemp()))
        bare = BareCreator(server._context)
        for issued, good in ((issue("alice@example.test"), True), (self_signed("a.test"), False)):
            client = ClientContexts(certificate=issued.write(self.mktemp())).creator(ANY, NAME)
            self.assertEqual(good, Meeting(bare, client).server.completed)

    def test_whose(self) -> None:
        """The authorities have to be named, and to be there."""
        for options in (
            {"client_certificates": "request"},
            {"client_certificates": "require", "client_authorities": "/nowhere.pem"},
            {"client_certificates": "require", "client_authorities": __file__},
        ):
            self.assertRaises(CertificateError, self.server, **options)

    def test_python_client(self) -> None:
        """Python's own client with a certificate is known as well."""
        files = issue("alice@example.test").write(self.mktemp())
        context = ssl.create_default_context(cafile=trusted(self.mktemp()))
        context.load_cert_chain(files.certificate, files.key)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
        server = self.server(client_certificates="require", client_authorities=trusted(self.mktemp()))
        connection: Any = server.serverConnectionForTLS(None)
        for _ in range(4):
            for step in (client.do_handshake, connection.do_handshake):
                try:
                    step()
                except (ssl.SSLWantReadError, SSL.WantReadError):
                    pass
                if outgoing.pending:
                    connection.bio_write(outgoing.read())
                try:
                    incoming.write(connection.bio_read(65536))
                except SSL.WantReadError:
                    pass
        self.assertEqual("alice@example.test", connection.client_name)
