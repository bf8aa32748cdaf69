"""SCRAM from both sides: RFC 5802, RFC 7677, RFC 9266, and another implementation as oracle."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramMechanism
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.status import ProtocolError
from mailframe.sasl import scram
from mailframe.sasl.client_mechanisms import ClientCredentials
from mailframe.sasl.client_scram import NOT_THE_SERVER, WEAK, ClientScram
from mailframe.sasl.saslprep import prepared_octets
from mailframe.sasl.scram import MALFORMED, Keys, derive
from mailframe.sasl.server_scram import DOWNGRADED, OTHER_BINDING, Scram
from mailframe.sasl.values import Challenge, KeysWanted, Proof

SALT = bytes(range(16))
USER = ClientCredentials("user", "pencil")
BINDING = bytes(range(32))
NONCE, REST = b"rOprNGfwEbeRWgbNEkqO", b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"


def keys_for(base: str, password: str = "pencil", iterations: int = 4096) -> Keys:
    """Keys of a password."""
    return derive(scram.HASHES[base], prepared_octets(password.encode()), SALT, iterations)


def speak(client: Any, server: Any, keys: Keys) -> Proof:
    """A whole dialogue; the server's claim, when the client believed its signature."""
    wanted = server.step(client.start())
    assert isinstance(wanted, KeysWanted), wanted
    proof = server.step(client.step(server.keys(keys).octets))
    assert isinstance(proof, Proof)
    if proof.right:
        assert client.step(server.final) == b""
        client.finish()
    return proof


class VectorTests(SynchronousTestCase):
    """The dialogues printed in the RFCs."""

    def test_sha_1(self) -> None:
        """RFC 5802 section 5."""
        client = ClientScram("SCRAM-SHA-1", USER, nonce=b"fyko+d2lbbFgONRv9qkxdawL")
        server = Scram("SCRAM-SHA-1", None, False, b"3rfcNHYJY1ZVvWVs7j")
        first = b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"
        self.assertEqual(client.start(), first)
        self.assertEqual(server.step(first), KeysWanted("user", "SCRAM-SHA-1"))
        salt = base64.b64decode("QSXCR+Q6sek8bf92")
        challenge = server.keys(derive("sha1", b"pencil", salt, 4096))
        expected = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
        self.assertEqual(challenge, Challenge(expected))
        last = b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        self.assertEqual(client.step(expected), last)
        self.assertEqual(server.step(last), Proof("user", True, "", "SCRAM-SHA-1"))
        self.assertEqual(server.final, b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")
        self.assertEqual(client.step(server.final), b"")
        client.finish()

    def test_sha_256(self) -> None:
        """RFC 7677 section 3."""
        client = ClientScram("SCRAM-SHA-256", USER, nonce=NONCE)
        server = Scram("SCRAM-SHA-256", None, False, REST)
        server.step(client.start())
        challenge = server.keys(
            derive("sha256", b"pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
        )
        self.assertEqual(challenge, Challenge(b"r=" + NONCE + REST + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
        last = client.step(b"r=" + NONCE + REST + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        self.assertEqual(
            last, b"c=biws,r=" + NONCE + REST + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        self.assertEqual(server.step(last), Proof("user", True, "", "SCRAM-SHA-256"))
        self.assertEqual(server.final, b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


class OracleTests(SynchronousTestCase):
    """Another implementation agrees."""

    USERS = (("alice", "secret"), ("a,b=c", "pässwörd\u00a0x"), ("zoë", "\u2168 pencils"))

    def test_our_client(self) -> None:
        """It logs our client in."""
        for base in scram.HASHES:
            for name, password in self.USERS:
                mechanism = ScramMechanism(base)
                auth_info = mechanism.make_auth_info(password, iteration_count=4096)
                server = mechanism.make_server(lambda name, found=auth_info: found)
                client = ClientScram(base, ClientCredentials(name, password))
                server.set_client_first((client.start() or b"").decode())
                server.set_client_final(client.step(server.get_server_first().encode()).decode())
                self.assertEqual(client.step(server.get_server_final().encode()), b"")
                client.finish()

    def test_our_server(self) -> None:
        """It logs in to our server."""
        for base in scram.HASHES:
            for name, password in self.USERS:
                client = ScramClient([base], name, password)
                server = Scram(base, None, False)
                wanted = server.step(client.get_client_first().encode())
                self.assertEqual(wanted, KeysWanted(name, base))
                challenge = server.keys(keys_for(base, password))
                assert isinstance(challenge, Challenge)
                client.set_server_first(challenge.octets.decode())
                self.assertEqual(server.step(client.get_client_final().encode()), Proof(name, True, "", base))
                client.set_server_final(server.final.decode())


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=30)


class PairTests(SynchronousTestCase):
    """Our client and our server."""

    @settings(max_examples=30)
    @given(NAMES, NAMES, st.sampled_from(sorted(scram.HASHES)), st.booleans())
    def test_any(self, name: str, password: str, base: str, plus: bool) -> None:
        """Whatever name and password, the right one is right, and every other one is wrong."""
        credentials = ClientCredentials(name, password)
        binding = BINDING if plus else None
        client = ClientScram(base, credentials, binding, plus=plus)
        try:
            proof = speak(client, Scram(base, binding, plus), keys_for(base, password))
        except ProtocolError:
            # A name of nothing but invisible characters is no name.
            self.assertEqual(prepared_octets(name.encode()), b"")
            return
        self.assertTrue(proof.right)
        other = ClientScram(base, ClientCredentials(name, password + "x"), binding, plus=plus)
        self.assertFalse(speak(other, Scram(base, binding, plus), keys_for(base, password)).right)

    def test_authzid(self) -> None:
        """Whom the client wants to be goes with it."""
        client = ClientScram("SCRAM-SHA-256", ClientCredentials("a", "pencil", authzid="b,c=d"))
        proof = speak(client, Scram("SCRAM-SHA-256", None, False), keys_for("SCRAM-SHA-256"))
        self.assertEqual(proof, Proof("a", True, "b,c=d", "SCRAM-SHA-256"))

    def test_another_channel(self) -> None:
        """Somebody between the two has a channel of his own with each: the proof is wrong."""
        client = ClientScram("SCRAM-SHA-256", USER, BINDING, plus=True)
        proof = speak(client, Scram("SCRAM-SHA-256", b"\1" * 32, True), keys_for("SCRAM-SHA-256"))
        self.assertFalse(proof.right)

    def test_downgrade(self) -> None:
        """Somebody took -PLUS out of the list: the client says what it saw, and the server notices."""
        client = ClientScram("SCRAM-SHA-256", USER, BINDING)
        server = Scram("SCRAM-SHA-256", None, plus_offered=True)
        error = self.assertRaises(ProtocolError, server.step, client.start())
        self.assertEqual(error.status, DOWNGRADED)
        self.assertTrue(
            speak(client, Scram("SCRAM-SHA-256", None, False), keys_for("SCRAM-SHA-256")).right,
            "a server without channel binding is fine",
        )

    def test_other_binding(self) -> None:
        """Another kind of channel binding is refused by name."""
        server = Scram("SCRAM-SHA-256", BINDING, True)
        error = self.assertRaises(ProtocolError, server.step, b"p=tls-unique,,n=user,r=abc")
        self.assertEqual(error.status, OTHER_BINDING)


class ServerTests(SynchronousTestCase):
    """What the server does not take."""

    def test_first_message(self) -> None:
        """Each of these is the client's mistake."""
        for message in (
            b"",
            b"n",
            b"n,,",
            b"n,,n=user",
            b"n,,r=abc,n=user",
            b"n,,n=user,r=",
            b"n,,n=user,r=a b",
            b"n,,n=,r=abc",
            b"n,,n=us=er,r=abc",
            b"n,,n=us\0er,r=abc",
            b"n,,n=\xff,r=abc",
            b"n,,m=x,n=user,r=abc",
            b"n,b=x,n=user,r=abc",
            b"n,a=,n=user,r=abc",
            b"x,,n=user,r=abc",
            b"p=tls-exporter,,n=user,r=abc",
            b"n,,n=user,r=abc,1=x",
            b"n,,n=user,r=" + b"x" * 3000,
        ):
            error = self.assertRaises(ProtocolError, Scram("SCRAM-SHA-256", None, False).step, message)
            self.assertEqual(error.status, MALFORMED, message)
        plus = Scram("SCRAM-SHA-256", BINDING, True)
        self.assertRaises(ProtocolError, plus.step, b"n,,n=user,r=abc")

    def test_extensions(self) -> None:
        """Attributes that need not be understood are passed over."""
        wanted = Scram("SCRAM-SHA-256", None, False).step(b"n,,n=user,r=abc,x=whatever")
        self.assertEqual(wanted, KeysWanted("user", "SCRAM-SHA-256"))

    def final(self, change: Any) -> Any:
        client, server = ClientScram("SCRAM-SHA-256", USER), Scram("SCRAM-SHA-256", None, False)
        server.step(client.start())
        challenge = server.keys(keys_for("SCRAM-SHA-256"))
        assert isinstance(challenge, Challenge)
        return server.step(change(client.step(challenge.octets)))

    def test_final_message(self) -> None:
        """A final message that is none is refused; one with another nonce, header or proof is wrong."""
        for change in (
            lambda m: b"",
            lambda m: m.partition(b",p=")[0],
            lambda m: m + b"!",
            lambda m: m.replace(b"c=", b"d="),
            lambda m: m.replace(b"c=biws", b"c=*"),
        ):
            self.assertRaises(ProtocolError, self.final, change)
        for change in (
            lambda m: m + b",p=",
            lambda m: m.replace(b"c=biws", b"c=eSws"),
            lambda m: m.replace(b",r=", b",r=x"),
            lambda m: m.rpartition(b"p=")[0] + b"p=AAAA",
            lambda m: m.rpartition(b"p=")[0] + b"p=",
            lambda m: m.rpartition(b"p=")[0] + b"p=" + base64.b64encode(bytes(32)),
        ):
            self.assertFalse(self.final(change).right)
        self.assertTrue(self.final(lambda m: m).right)

    def test_nonce(self) -> None:
        """A proof that fits its own message, but not the nonce of this exchange, is an old one or somebody else's."""
        for base, algorithm in scram.HASHES.items():
            for ours, right in ((b"", True), (b"x", False)):
                server = Scram(base, None, False)
                server.step(b"n,,n=user,r=abc")
                challenge = server.keys(keys_for(base))
                assert isinstance(challenge, Challenge)
                nonce = challenge.octets[2:].partition(b",")[0] + ours
                unproved = b"c=biws,r=" + nonce
                message = b",".join((b"n=user,r=abc", challenge.octets, unproved))
                salted = scram.salted_password(algorithm, b"pencil", SALT, 4096)
                proof = base64.b64encode(scram.client_proof(algorithm, salted, message))
                said = server.step(unproved + b",p=" + proof)
                assert isinstance(said, Proof)
                self.assertEqual(said.right, right)

    def test_one_proof(self) -> None:
        """A second proof in one exchange would be a second guess."""
        server = Scram("SCRAM-SHA-256", None, False)
        client = ClientScram("SCRAM-SHA-256", USER)
        server.step(client.start())
        challenge = server.keys(keys_for("SCRAM-SHA-256"))
        assert isinstance(challenge, Challenge)
        last = client.step(challenge.octets)
        server.step(last)
        self.assertRaises(ProtocolError, server.step, last)
        self.assertRaises(ProtocolError, server.step, b"n,,n=user,r=abc")

    @given(
        st.lists(
            st.one_of(
                st.none(),
                st.binary(max_size=60),
                st.sampled_from([b"n,,n=user,r=abc", b"y,,n=user,r=abc", b"c=biws,r=abc,p=AAAA"]),
            ),
            max_size=4,
        )
    )
    def test_anything(self, messages: list[bytes | None]) -> None:
        """Whatever a client says, it does not prove a password it has not."""
        server = Scram("SCRAM-SHA-256", None, False)
        for message in messages:
            try:
                said = server.step(message)
                if isinstance(said, KeysWanted):
                    server.keys(Keys(SALT, 4096, b"\1" * 32, b"\2" * 32))
            except ProtocolError as error:
                self.assertTrue(error.status.permanent)
                return
            if isinstance(said, Proof):
                self.assertFalse(said.right)


class ClientTests(SynchronousTestCase):
    """What the client does not believe."""

    def challenged(self, challenge: bytes) -> Any:
        client = ClientScram("SCRAM-SHA-256", USER, nonce=b"abc")
        client.start()
        return self.assertRaises(ProtocolError, client.step, challenge).status

    def test_challenges(self) -> None:
        """A nonce that is not ours, no salt, no number: each ends the exchange."""
        for challenge in (
            b"",
            b"r=abc,s=QSXC,i=4096",
            b"r=abd123,s=QSXC,i=4096",
            b"r=abc123,s=,i=4096",
            b"r=abc123,s=*,i=4096",
            b"r=abc123,s=QSXC,i=x",
            b"r=abc123,s=QSXC,i=-4096",
            b"r=abc123,i=4096,s=QSXC",
            b"m=x,r=abc123,s=QSXC,i=4096",
            b"e=other-error",
        ):
            self.assertEqual(self.challenged(challenge), MALFORMED, challenge)

    def test_cost(self) -> None:
        """A server can neither make guessing cheap for those who listen, nor keep us busy for minutes."""
        for count in (b"1", b"4095", b"100001", b"999999999"):
            status = self.challenged(b"r=abc123,s=QSXC,i=" + count)
            self.assertEqual(status.enhanced, WEAK.enhanced)
            self.assertIn(count.decode(), status.text)

    def test_cost_as_configured(self) -> None:
        """A server that is trusted may ask for more, or one that is not for less."""
        for limit, count, taken in (
            (100_001, b"100001", True),
            (5000, b"5001", False),
            (5000, b"5000", True),
        ):
            client = ClientScram("SCRAM-SHA-256", replace(USER, iterations_limit=limit), nonce=b"abc")
            client.start()
            challenge = b"r=abc123,s=QSXC,i=" + count
            if taken:
                self.assertTrue(client.step(challenge))
            else:
                self.assertRaises(ProtocolError, client.step, challenge)

    def test_signature(self) -> None:
        """Success counts only from a server that has the keys."""
        client, server = ClientScram("SCRAM-SHA-256", USER), Scram("SCRAM-SHA-256", None, False)
        server.step(client.start())
        challenge = server.keys(keys_for("SCRAM-SHA-256"))
        assert isinstance(challenge, Challenge)
        client.step(challenge.octets)
        for finish in (
            client.finish,
            lambda: client.step(b"v=" + base64.b64encode(bytes(32))),
            client.finish,
        ):
            self.assertEqual(self.assertRaises(ProtocolError, finish).status, NOT_THE_SERVER)
        self.assertRaises(ProtocolError, client.step, b"e=invalid-proof")

    @given(
        st.lists(
            st.one_of(st.binary(max_size=60), st.sampled_from([b"v=AAAA", b"r=abcd,s=QSXC,i=4096", b"e=x"])),
            max_size=3,
        )
    )
    def test_anything(self, challenges: list[bytes]) -> None:
        """Whatever a server says that has no keys, the client does not take it for ours."""
        client = ClientScram("SCRAM-SHA-256", USER, nonce=b"abc")
        client.start()
        for challenge in challenges:
            try:
                client.step(challenge)
            except ProtocolError:
                break
        self.assertRaises(ProtocolError, client.finish)

    def test_secrets_are_not_shown(self) -> None:
        """Neither the password nor keys get into a log by accident."""
        self.assertNotIn("pencil", repr(USER))
        self.assertNotIn("\\x", repr(keys_for("SCRAM-SHA-256")))
