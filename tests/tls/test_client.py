"""Clients: every level against every certificate, over memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.dialogue.tls_facts import tls_facts
from mailframe.tls import client as client_module
from mailframe.tls import metrics
from mailframe.tls.client import CONTEXTS_LIMIT, ClientContexts
from mailframe.tls.errors import CertificateError, Result, TLSRefused
from mailframe.tls.files import now
from mailframe.tls.interfaces import IClientContexts
from mailframe.tls.options import TLSOptions
from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tls.server import Contexts

from .authorities import NAME, Issued, issue, root, self_signed, stranger, tlsa, trusted, unknown_key
from .meeting import Meeting

OPPORTUNISTIC = ClientPolicy(Level.OPPORTUNISTIC)
ENCRYPT = ClientPolicy(Level.ENCRYPT)
VERIFY = ClientPolicy(Level.VERIFY, (NAME,))


class ClientCase(SynchronousTestCase):
    """A client that trusts one authority, and servers with all kinds of certificates."""

    def setUp(self) -> None:
        self.contexts = ClientContexts(trusted(self.mktemp()))

    def meet(self, issued: Issued, policy: ClientPolicy, host: str = NAME, **options: Any) -> Meeting:
        server = Contexts(options=TLSOptions(certificates=[issued.write(self.mktemp())], **options))
        return Meeting(server.contexts(), self.contexts.creator(policy, host))

    def accepted(self, meeting: Meeting, verified: str | None = None) -> None:
        self.assertIsNone(meeting.client.lost)
        self.assertTrue(meeting.client.completed)
        self.assertEqual((b"hello", b"hello"), (meeting.client.heard, meeting.server.heard))
        facts = tls_facts(meeting.handle)
        assert facts is not None
        self.assertEqual(verified, facts.verified)

    def refused(self, meeting: Meeting, result: Result, words: str) -> None:
        """Nothing that was written before reached the server; the reason is told."""
        lost = meeting.client.lost
        assert isinstance(lost, TLSRefused), lost
        self.assertEqual(result, lost.result)
        self.assertIn(words, lost.reason)
        self.assertEqual(lost.reason, str(lost))
        self.assertFalse(meeting.client.completed)
        self.assertEqual((b"", b""), (meeting.client.heard, meeting.server.heard))


class LevelTests(ClientCase):
    """Which certificate is good enough for which level."""

    def test_interface(self) -> None:
        """It is what clients ask."""
        verifyObject(IClientContexts, self.contexts)

    def test_any_certificate(self) -> None:
        """Where nobody is to be authenticated, any certificate will do."""
        for policy in (OPPORTUNISTIC, ENCRYPT):
            for issued in (
                issue(NAME),
                issue(NAME, expired=True),
                issue("other.test"),
                issue(NAME, ca=stranger()),
                self_signed(NAME),
                self_signed(),
            ):
                self.accepted(self.meet(issued, policy))

    def test_good(self) -> None:
        """A trusted certificate with the name is accepted."""
        self.accepted(self.meet(issue(NAME), VERIFY), "pkix")

    def test_one_of_the_names(self) -> None:
        """One name of several is enough; wildcards stand for one label."""
        policy = ClientPolicy(Level.VERIFY, ("nowhere.test", NAME))
        self.accepted(self.meet(issue("*.example.test"), policy), "pkix")
        deep = ClientPolicy(Level.VERIFY, ("a.mx.example.test",))
        self.refused(self.meet(issue("*.example.test"), deep), Result.CERTIFICATE_HOST_MISMATCH, "*.example")

    def test_expired(self) -> None:
        """An expired certificate is refused."""
        meeting = self.meet(issue(NAME, expired=True), VERIFY)
        self.refused(meeting, Result.CERTIFICATE_EXPIRED, "has expired")

    def test_wrong_name(self) -> None:
        """A certificate for somebody else is refused, and the log says for whom it is."""
        meeting = self.meet(issue("other.test"), VERIFY)
        self.refused(meeting, Result.CERTIFICATE_HOST_MISMATCH, "other.test")

    def test_self_signed(self) -> None:
        """A certificate that nobody else signed is refused."""
        self.refused(self.meet(self_signed(NAME), VERIFY), Result.CERTIFICATE_NOT_TRUSTED, "by itself")

    def test_unknown_authority(self) -> None:
        """A certificate of an authority that is not trusted is refused."""
        meeting = self.meet(issue(NAME, ca=stranger()), VERIFY)
        self.refused(meeting, Result.CERTIFICATE_NOT_TRUSTED, "authority")

    def test_common_name_is_no_name(self) -> None:
        """A common name is not looked at by those who verify names (RFC 6125)."""
        contexts = ClientContexts(self.write(self_signed(common_name=NAME).chain_pem))
        server = Contexts([self_signed(common_name=NAME).write(self.mktemp())])
        meeting = Meeting(server.contexts(), contexts.creator(VERIFY, NAME))
        self.refused(meeting, Result.CERTIFICATE_HOST_MISMATCH, NAME)

    def write(self, octets: bytes) -> str:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(octets)
        return path

    def test_address(self) -> None:
        """A host may be known by its address only; then the address is verified, and there is no SNI."""
        policy = ClientPolicy(Level.VERIFY, ("192.0.2.1",))
        meeting = self.meet(issue("192.0.2.1"), policy, "192.0.2.1")
        self.accepted(meeting, "pkix")
        self.assertIsNone(meeting.server_handle.get_servername())
        self.refused(self.meet(issue(NAME), policy), Result.CERTIFICATE_HOST_MISMATCH, NAME)

    def test_server_name(self) -> None:
        """The name of the host is sent, in A-labels and without a dot at the end."""
        for host, sent in ((NAME, NAME), ("MX.Example.test.", NAME), ("bücher.test", "xn--bcher-kva.test")):
            meeting = self.meet(issue(NAME), ENCRYPT, host)
            self.assertEqual(sent.encode(), meeting.server_handle.get_servername())
        self.assertIsNone(self.meet(issue(NAME), ENCRYPT, "2001:db8::1").server_handle.get_servername())

    def test_hosts_that_are_no_names(self) -> None:
        """What DNS may call a host without its being a name is not sent; the handshake goes on without."""
        for host in (
            "",
            ".",
            "a\0.test",
            "a b.test",
            "a..test",
            "ü..test",
            "ü" * 300,
            "a" * 64 + ".test",
            "a." * 150,
        ):
            meeting = self.meet(issue(NAME), OPPORTUNISTIC, host)
            self.accepted(meeting)
            self.assertIsNone(meeting.server_handle.get_servername(), host)
            creator: Any = self.contexts.creator(OPPORTUNISTIC, host)
            self.assertIsNone(creator.server_name)

    def test_certificate_that_cannot_be_read(self) -> None:
        """Whatever a host shows ends in a refusal, not in a fault of ours."""
        strange = issue(NAME, key="RSA")
        shown = Issued([unknown_key(NAME)], strange.key)
        for records in ([tlsa(3, strange.chain[0])], [tlsa(2, strange.chain[1])]):
            policy = ClientPolicy(Level.DANE, (NAME,), tuple(records))
            connection: Any = self.contexts.creator(policy, NAME).clientConnectionForTLS(None)  # type: ignore[arg-type]
            connection.get_peer_cert_chain = lambda **options: shown.chain
            self.assertRaises(TLSRefused, connection._agree)
        before = metrics.CLIENT_REFUSED._value.get()

        def unreadable(**options: object) -> None:
            raise ValueError("negative serial number")

        for policy in (VERIFY, ClientPolicy(Level.DANE, (NAME,), (tlsa(3, strange.chain[0]),))):
            connection = self.contexts.creator(policy, NAME).clientConnectionForTLS(None)  # type: ignore[arg-type]
            connection.get_peer_cert_chain = connection.get_peer_certificate = unreadable
            error = self.assertRaises(TLSRefused, connection._agree)
            self.assertEqual(Result.CERTIFICATE_NOT_TRUSTED, error.result)
            self.assertIn("cannot be read", error.reason)
        self.assertEqual(2, metrics.CLIENT_REFUSED._value.get() - before)

    def test_policy_with_other_authorities(self) -> None:
        """A policy may bring the authorities to trust."""
        policy = ClientPolicy(Level.VERIFY, (NAME,), authorities=trusted(self.mktemp(), stranger()))
        self.accepted(self.meet(issue(NAME, ca=stranger()), policy), "pkix")
        self.refused(self.meet(issue(NAME), policy), Result.CERTIFICATE_NOT_TRUSTED, "authority")

    def test_platform(self) -> None:
        """Without a file of authorities the platform's are asked, which do not know ours."""
        self.contexts = ClientContexts()
        self.refused(self.meet(issue(NAME), VERIFY), Result.CERTIFICATE_NOT_TRUSTED, "authority")

    def test_mistakes(self) -> None:
        """What cannot be met by anyone is said before a connection is made."""
        for policy in (
            ClientPolicy(Level.NONE),
            ClientPolicy(Level.VERIFY),
            ClientPolicy(Level.VERIFY, ("",)),
        ):
            self.assertRaises(ValueError, self.contexts.creator, policy, NAME)
        missing = ClientPolicy(Level.VERIFY, (NAME,), authorities="/nowhere/authorities.pem")
        error = self.assertRaises(CertificateError, self.contexts.creator, missing, NAME)
        self.assertIn("No such file", str(error))

    def test_levels(self) -> None:
        """What each level asks for."""
        for level, used, required, authenticated in (
            (Level.NONE, False, False, False),
            (Level.OPPORTUNISTIC, True, False, False),
            (Level.ENCRYPT, True, True, False),
            (Level.VERIFY, True, True, True),
            (Level.DANE, True, True, True),
        ):
            self.assertEqual(
                (used, required, authenticated), (level.used, level.required, level.authenticated)
            )

    def test_not_offered(self) -> None:
        """That a host has no TLS is told in the same way."""
        error = TLSRefused.not_offered(NAME)
        self.assertEqual(("starttls-not-supported", False), (error.result.value, error.during_handshake))


class HandshakeTests(ClientCase):
    """What goes wrong before certificates matter."""

    def test_no_common_version(self) -> None:
        """A host that speaks only what we do not is refused with OpenSSL's own reason."""
        contexts = ClientContexts(minimum="1.3")
        old = ssl_server(issue(NAME), self.mktemp(), ssl.TLSVersion.TLSv1_2)
        meeting = Meeting(old, contexts.creator(OPPORTUNISTIC, NAME))
        self.refused(meeting, Result.VALIDATION_FAILURE, "alert protocol version")

    def test_old_versions(self) -> None:
        """TLS 1.0 and 1.1 are not spoken, whatever the level."""
        old = ssl_server(issue(NAME), self.mktemp(), ssl.TLSVersion.TLSv1_1)
        meeting = Meeting(old, self.contexts.creator(OPPORTUNISTIC, NAME))
        self.refused(meeting, Result.VALIDATION_FAILURE, "the TLS handshake failed")

    def test_gone(self) -> None:
        """A host that goes away in the middle has refused, too."""

        class Leaving(SSL.Connection):
            def do_handshake(self) -> None:
                raise SSL.Error([("SSL routines", "", "unexpected eof while reading")])

        server = Contexts([issue(NAME).write(self.mktemp())])
        context = server.contexts()._context  # type: ignore[attr-defined]
        leaving = Leaver(lambda: Leaving(context, None))
        before = metrics.CLIENT_REFUSED._value.get()
        meeting = Meeting(leaving, self.contexts.creator(OPPORTUNISTIC, NAME))
        self.refused(meeting, Result.VALIDATION_FAILURE, "ended during the TLS handshake")
        self.assertEqual(1, metrics.CLIENT_REFUSED._value.get() - before)

    def test_server_without_names(self) -> None:
        """TLS 1.2 alone works as well, at every level."""
        old = ssl_server(issue(NAME), self.mktemp(), ssl.TLSVersion.TLSv1_2)
        for policy, verified in ((OPPORTUNISTIC, None), (VERIFY, "pkix")):
            meeting = Meeting(old, self.contexts.creator(policy, NAME))
            self.accepted(meeting, verified)
            self.assertEqual("TLSv1.2", meeting.handle.get_protocol_version_name())


@implementer(IOpenSSLServerConnectionCreator)
class Leaver:
    """What `startTLS` takes, with connections of one's own."""

    def __init__(self, make: Callable[[], SSL.Connection]) -> None:
        self._make = make

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = self._make()
        connection.set_accept_state()
        return connection


def ssl_server(issued: Issued, directory: str, version: ssl.TLSVersion) -> Any:
    """A server that speaks one version."""
    from twisted.internet.ssl import CertificateOptions, TLSVersion

    versions = {ssl.TLSVersion.TLSv1_2: TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1: TLSVersion.TLSv1_1}
    options = CertificateOptions(
        privateKey=issued.key,
        certificate=issued.chain[0],  # type: ignore[arg-type]
        extraCertChain=list(issued.chain[1:]),  # type: ignore[arg-type]
        insecurelyLowerMinimumTo=versions[version],
        lowerMaximumSecurityTo=versions[version],
    )
    options.getContext().set_cipher_list(b"ALL:@SECLEVEL=0")
    return options


class CacheTests(ClientCase):
    """Contexts and sessions are kept."""

    def resumed(self, meeting: Meeting) -> bool:
        return bool(SSL._lib.SSL_session_reused(meeting.handle._ssl))  # type: ignore[attr-defined]

    def test_contexts_are_shared(self) -> None:
        """Hosts with like policies share a context, whatever their names."""
        other = ClientPolicy(Level.VERIFY, ("other.test",))
        one: Any = self.contexts.creator(VERIFY, NAME)
        two: Any = self.contexts.creator(other, "other.test")
        self.assertIs(one.context, two.context)
        self.assertIsNot(one.context, self.contexts.creator(ENCRYPT, NAME).context)  # type: ignore[attr-defined]

    def test_contexts_grow_old(self) -> None:
        """A context is made again after a day, for authorities come and go; and when its files are written."""
        seconds = [0.0]
        path = trusted(self.mktemp())
        contexts = ClientContexts(path, seconds=lambda: seconds[0])

        def context() -> Any:
            return contexts.creator(VERIFY, NAME).context  # type: ignore[attr-defined]

        first = context()
        seconds[0] = 86000.0
        self.assertIs(first, context())
        seconds[0] = 86401.0
        second = context()
        self.assertIsNot(first, second)
        trusted(path, root(), stranger())
        self.assertIsNot(second, context())

    def test_bounded(self) -> None:
        """A policy for each of many authorities does not fill the memory."""
        for _ in range(CONTEXTS_LIMIT + 5):
            policy = ClientPolicy(Level.VERIFY, (NAME,), authorities=trusted(self.mktemp()))
            self.contexts.creator(policy, NAME)
        self.assertEqual(CONTEXTS_LIMIT, len(self.contexts._made))

    def test_sessions(self) -> None:
        """The second connection to a host has the shorter handshake, with the same assurance."""
        server = Contexts([issue(NAME).write(self.mktemp())]).contexts()
        for again in (False, True, True):
            meeting = Meeting(server, self.contexts.creator(VERIFY, NAME))
            self.accepted(meeting, "pkix")
            self.assertEqual(again, self.resumed(meeting))
            meeting.close()

    def test_sessions_of_others(self) -> None:
        """A session that began without verification is not used where there must be one, nor for another name."""
        server = Contexts([issue(NAME).write(self.mktemp())]).contexts()
        Meeting(server, self.contexts.creator(ENCRYPT, NAME)).close()
        meeting = Meeting(server, self.contexts.creator(VERIFY, NAME))
        self.assertFalse(self.resumed(meeting))
        meeting.close()
        policy = ClientPolicy(Level.VERIFY, ("other.test",))
        self.refused(
            Meeting(server, self.contexts.creator(policy, NAME)), Result.CERTIFICATE_HOST_MISMATCH, NAME
        )

    def test_sessions_of_other_policies(self) -> None:
        """A session is for its policy only, though host and names be the same: each was let in by other rules."""
        server = Contexts([issue(NAME).write(self.mktemp())]).contexts()
        ours = issue("we.example.test").write(self.mktemp())
        more = trusted(self.mktemp(), root(), stranger())
        policies = [
            ClientPolicy(Level.OPPORTUNISTIC, (NAME,)),
            ClientPolicy(Level.VERIFY, (NAME,)),
            ClientPolicy(Level.VERIFY, (NAME,), authorities=more),
            ClientPolicy(Level.VERIFY, (NAME,), certificate=ours),
            ClientPolicy(Level.DANE, (NAME,), (tlsa(3, issue(NAME).chain[0]),)),
        ]
        for one in policies:
            for other in policies:
                self.contexts._sessions.clear()
                Meeting(server, self.contexts.creator(one, NAME)).close()
                meeting = Meeting(server, self.contexts.creator(other, NAME))
                self.assertTrue(meeting.client.completed)
                again = one is other and one.level is not Level.DANE
                self.assertEqual(again, self.resumed(meeting), (one, other))
                meeting.close()
        # DANE without a usable record is no more than encryption: it must not lend its sessions either.
        Meeting(server, self.contexts.creator(ClientPolicy(Level.DANE, (NAME,)), NAME)).close()
        self.contexts.creator(policies[1], NAME)
        trusted(str(self.contexts._authorities), stranger())
        meeting = Meeting(server, self.contexts.creator(policies[1], NAME))
        self.refused(meeting, Result.CERTIFICATE_NOT_TRUSTED, "authority")

    def test_sessions_with_long_chains(self) -> None:
        """A host that shows dozens of certificates does not have us keep them; the next handshake is a whole one."""
        issued = issue(NAME)
        more = [issue(f"host{number}.example.test").chain[0] for number in range(20)]
        long = Issued([*issued.chain, *more], issued.key)
        server = Contexts([long.write(self.mktemp())]).contexts()
        for _ in range(2):
            meeting = Meeting(server, self.contexts.creator(VERIFY, NAME))
            self.accepted(meeting, "pkix")
            self.assertFalse(self.resumed(meeting))
            meeting.close()
        self.assertEqual({}, dict(self.contexts._sessions))

    def test_sessions_end_with_certificates(self) -> None:
        """A session is no way around the end of the certificate it began with."""
        server = Contexts([issue(NAME).write(self.mktemp())]).contexts()
        end = issue(NAME).chain[0].not_valid_after_utc
        for moment, again in ((now(), False), (end - timedelta(1), True), (end, False)):
            self.patch(client_module, "now", lambda moment=moment: moment)
            meeting = Meeting(server, self.contexts.creator(VERIFY, NAME))
            self.accepted(meeting, "pkix")
            self.assertEqual(again, self.resumed(meeting))
            meeting.close()

    def test_our_certificate(self) -> None:
        """A host that asks for a certificate gets ours, the policy's before the general one."""
        general, special = issue("we.example.test"), issue("special.example.test")
        self.contexts = ClientContexts(trusted(self.mktemp()), general.write(self.mktemp()))
        options: dict[str, Any] = {
            "client_certificates": "require",
            "client_authorities": trusted(self.mktemp()),
        }
        meeting = self.meet(issue(NAME), VERIFY, **options)
        self.accepted(meeting, "pkix")
        self.assertEqual("we.example.test", meeting.server_handle.client_name)
        policy = ClientPolicy(Level.VERIFY, (NAME,), certificate=special.write(self.mktemp()))
        meeting = self.meet(issue(NAME), policy, **options)
        self.assertEqual("special.example.test", meeting.server_handle.client_name)
