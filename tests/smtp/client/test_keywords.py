"""Each keyword, offered and not offered: what is said, what is refused, what arrives."""

from __future__ import annotations

import base64
import email
import email.policy
import quopri
from typing import Any

from mailframe.message.address import Address
from mailframe.message.envelope import Recipient
from mailframe.testing.smtp_server import ALL_KEYWORDS
from mailframe.tls.policies import ClientPolicy, Level

from .harness import BOB, MESSAGE, ClientCase, message

EIGHT_BIT = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße aus Köln\r\n".encode()
VERIFIED = ClientPolicy(Level.VERIFY, ("mx.example.test",))


class KeywordCase(ClientCase):
    """Sends one message to a server with some keywords."""

    def said(
        self,
        *keywords: str,
        octets: bytes = MESSAGE,
        parameters: dict[str, str | None] | None = None,
        rcpt: dict[str, str | None] | None = None,
        sender: Address | None = Address("joe", "sender.test"),  # noqa: B008
        to: Address = BOB,
        policy: ClientPolicy | None = None,
        age: float = 0.0,
        **settings: Any,
    ) -> tuple[str, str, str]:
        """What stands in MAIL and in RCPT, and the code of the outcome."""
        server = self.serve(keywords)
        target = self.target(policy=policy) if policy is not None else None
        client = self.connect(target, **settings)
        mail = message(octets, Recipient(to, rcpt or {}), reverse_path=sender, parameters=parameters)
        self.outcome = self.send(client, mail, age=age)
        lines = [line for line in server.said if line.startswith(("MAIL", "RCPT"))]
        self.assertTrue(client.usable)
        return (*[*lines, "", ""][:2], self.outcome.statuses[0].code)  # type: ignore[return-value]


class ParameterTests(KeywordCase):
    """Parameters of MAIL and RCPT."""

    def test_size(self) -> None:
        """SIZE tells the size; what is larger than the server takes is refused without asking (RFC 1870)."""
        self.assertEqual(self.said()[0], "MAIL FROM:<joe@sender.test>")
        self.assertEqual(self.said("SIZE")[0], f"MAIL FROM:<joe@sender.test> SIZE={len(MESSAGE)}")
        self.assertEqual(self.said("SIZE 0")[2], "2.0.0")
        self.assertEqual(self.said(f"SIZE {len(MESSAGE)}")[2], "2.0.0")
        self.assertEqual(self.said(f"SIZE {len(MESSAGE) - 1}"), ("", "", "5.3.4"))

    def test_dsn(self) -> None:
        """What is asked about notifications is passed on where DSN is offered, and it is known whether (RFC 3461)."""
        asked: dict[str, Any] = {
            "parameters": {"RET": "HDRS", "ENVID": "QQ+2B1"},
            "rcpt": {"NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;bob+40example.test"},
        }
        mail, rcpt, _ = self.said("DSN", **asked)
        self.assertEqual(mail, "MAIL FROM:<joe@sender.test> RET=HDRS ENVID=QQ+2B1")
        self.assertEqual(
            rcpt, "RCPT TO:<bob@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40example.test"
        )
        self.assertTrue(self.outcome.recipients[0].dsn_passed)
        self.assertEqual(
            self.said(**asked)[:2], ("MAIL FROM:<joe@sender.test>", "RCPT TO:<bob@example.test>")
        )
        self.assertFalse(self.outcome.recipients[0].dsn_passed)

    def test_orcpt_international(self) -> None:
        """An internationalised original recipient is written for who does not know SMTPUTF8 (RFC 6533)."""
        rcpt = {"ORCPT": "utf-8;grüße@example.test"}
        self.assertIn("ORCPT=utf-8;gr\\x{FC}\\x{DF}e@example.test", self.said("DSN", rcpt=rcpt)[1])
        utf8 = {"rcpt": rcpt, "to": Address("grüße", "example.test")}
        self.assertIn("ORCPT=utf-8;grüße@example.test", self.said("DSN", "SMTPUTF8", **utf8)[1])

    def test_priority(self) -> None:
        """MT-PRIORITY is passed on where it is offered (RFC 6710)."""
        parameters: dict[str, str | None] = {"MT-PRIORITY": "-3"}
        self.assertTrue(self.said("MT-PRIORITY MIXER", parameters=parameters)[0].endswith(" MT-PRIORITY=-3"))
        self.assertEqual(self.said(parameters=parameters)[0], "MAIL FROM:<joe@sender.test>")

    def test_future_release(self) -> None:
        """A hold is passed on with the time that is left, where the server holds so long (RFC 4865)."""
        hold: dict[str, str | None] = {"HOLDFOR": "600"}
        offered = "FUTURERELEASE 3600 2099-01-01T00:00:00Z"
        self.assertTrue(self.said(offered, parameters=hold, age=100)[0].endswith(" HOLDFOR=500"))
        for keywords, age in (((), 0), ((offered,), 700), (("FUTURERELEASE 60 x",), 0)):
            self.assertEqual(self.said(*keywords, parameters=hold, age=age)[0], "MAIL FROM:<joe@sender.test>")
        until: dict[str, str | None] = {"HOLDUNTIL": "2098-01-01T00:00:00Z"}
        self.assertTrue(self.said(offered, parameters=until)[0].endswith(" HOLDUNTIL=2098-01-01T00:00:00Z"))

    def test_deliver_by(self) -> None:
        """BY is passed on with the time that is left; with mode R only to who promises it (RFC 2852)."""
        self.assertTrue(self.said("DELIVERBY", parameters={"BY": "120;NT"}, age=20)[0].endswith(" BY=100;NT"))
        self.assertTrue(self.said("DELIVERBY", parameters={"BY": "10;N"}, age=20)[0].endswith(" BY=-10;N"))
        self.assertEqual(self.said(parameters={"BY": "120;N"})[2], "2.0.0")
        strict: dict[str, str | None] = {"BY": "120;R"}
        self.assertTrue(self.said("DELIVERBY 60", parameters=strict, age=20)[0].endswith(" BY=100;R"))
        self.assertEqual(self.said(parameters=strict), ("", "", "5.3.3"))
        self.assertEqual(self.said("DELIVERBY 110", parameters=strict, age=20), ("", "", "5.3.3"))
        self.assertEqual(self.said("DELIVERBY", parameters=strict, age=121), ("", "", "5.4.7"))

    def test_submitter(self) -> None:
        """Who submitted the message is told where AUTH is offered, if it may be (RFC 4954 section 5)."""
        parameters: dict[str, str | None] = {"AUTH": "joe+2Bx@sender.test"}
        self.assertTrue(
            self.said("AUTH PLAIN", parameters=parameters)[0].endswith(" AUTH=joe+2Bx@sender.test")
        )
        said = self.said("AUTH PLAIN", parameters=parameters, trust_submitter=False)
        self.assertTrue(said[0].endswith(" AUTH=<>"))
        self.assertEqual(self.said(parameters=parameters)[0], "MAIL FROM:<joe@sender.test>")

    def test_require_tls(self) -> None:
        """REQUIRETLS goes only over verified TLS to a server that offers it (RFC 8689)."""
        parameters: dict[str, str | None] = {"REQUIRETLS": None}
        said = self.said("STARTTLS", "REQUIRETLS", parameters=parameters, policy=VERIFIED)
        self.assertEqual(
            said, ("MAIL FROM:<joe@sender.test> REQUIRETLS", "RCPT TO:<bob@example.test>", "2.0.0")
        )
        for keywords, policy in (
            (("STARTTLS",), VERIFIED),
            (("STARTTLS", "REQUIRETLS"), ClientPolicy(Level.ENCRYPT)),
            (("REQUIRETLS",), ClientPolicy(Level.OPPORTUNISTIC)),
        ):
            said = self.said(*keywords, parameters=parameters, policy=policy)
            self.assertEqual(said, ("", "", "5.7.30"))

    def test_injected(self) -> None:
        """A parameter that would be a command of its own is not sent."""
        for value in ("1\r\nRSET", "a b", "\0"):
            self.assertEqual(self.said("DSN", rcpt={"NOTIFY": value})[2], "5.5.4")
            self.assertEqual(self.said("DSN", parameters={"RET": value})[2], "5.5.4")


class InternationalTests(KeywordCase):
    """SMTPUTF8 (RFC 6531)."""

    LOCAL = Address("grüße", "example.test")
    DOMAIN = Address("bob", "bücher.test")

    def test_addresses(self) -> None:
        """An address that is not ASCII needs SMTPUTF8; a domain has another spelling."""
        said = self.said("SMTPUTF8", "8BITMIME", to=self.LOCAL)
        self.assertEqual(
            said, ("MAIL FROM:<joe@sender.test> SMTPUTF8", "RCPT TO:<grüße@example.test>", "2.0.0")
        )
        self.assertEqual(self.said("8BITMIME", to=self.LOCAL)[1:], ("", "5.6.7"))
        self.assertEqual(self.said("8BITMIME", sender=self.LOCAL), ("", "", "5.6.7"))
        for keywords in ((), ("SMTPUTF8",)):
            said = self.said(*keywords, to=self.DOMAIN, sender=self.DOMAIN)
            self.assertEqual(
                said, ("MAIL FROM:<bob@xn--bcher-kva.test>", "RCPT TO:<bob@xn--bcher-kva.test>", "2.0.0")
            )

    def test_one_of_two_recipients(self) -> None:
        """Only the recipient that needs SMTPUTF8 is refused."""
        self.serve()
        outcome = self.send(self.connect(), message(MESSAGE, Recipient(self.LOCAL), Recipient(BOB)))
        self.assertEqual(self.codes(outcome), ["5.6.7", "2.0.0"])
        outcome = self.send(
            self.connect(), message(MESSAGE, Recipient(self.LOCAL), Recipient(BOB)), together=True
        )
        self.assertEqual(self.codes(outcome), ["5.6.7", "5.6.7"])

    def test_header(self) -> None:
        """An internationalised header needs SMTPUTF8, if it came with it; otherwise it goes on as it came."""
        header = "Subject: Grüße\r\n\r\nHello\r\n".encode()
        declared: dict[str, str | None] = {"SMTPUTF8": None}
        self.assertTrue(
            self.said("SMTPUTF8", "8BITMIME", octets=header)[0].endswith("BODY=8BITMIME SMTPUTF8")
        )
        self.assertEqual(self.said("8BITMIME", octets=header, parameters=declared), ("", "", "5.6.7"))
        said = self.said("8BITMIME", octets=header)
        self.assertEqual((said[0], said[2]), ("MAIL FROM:<joe@sender.test> BODY=8BITMIME", "2.0.0"))
        self.assertEqual(self.said(octets=header), ("", "", "5.6.3"))
        latin = b"Subject: Gr\xfc\xdfe\r\n\r\nHello\r\n"
        said = self.said("SMTPUTF8", "8BITMIME", octets=latin)
        self.assertEqual(said[0], "MAIL FROM:<joe@sender.test> BODY=8BITMIME")

    def test_not_needed(self) -> None:
        """A message that is ASCII after all needs nothing, whatever its client said."""
        self.assertEqual(
            self.said("SMTPUTF8", parameters={"SMTPUTF8": None})[0], "MAIL FROM:<joe@sender.test>"
        )
        self.assertEqual(self.said(parameters={"SMTPUTF8": None})[2], "2.0.0")


class ContentTests(KeywordCase):
    """8BITMIME, CHUNKING, BINARYMIME, line ends."""

    def received(self) -> bytes:
        """The content that arrived."""
        (got,) = self.server.messages
        return got.octets

    def test_eight_bit(self) -> None:
        """8-bit mail is said to be so where that is offered (RFC 6152)."""
        self.assertEqual(
            self.said("8BITMIME", octets=EIGHT_BIT)[0], "MAIL FROM:<joe@sender.test> BODY=8BITMIME"
        )
        self.assertEqual(self.received(), EIGHT_BIT)
        said = self.said("8BITMIME", parameters={"BODY": "8BITMIME"})
        self.assertEqual(said[0], "MAIL FROM:<joe@sender.test> BODY=8BITMIME")

    def test_converted(self) -> None:
        """8-bit mail is converted for a server of 7 bits, and means the same."""
        self.assertEqual(
            self.said("SIZE", octets=EIGHT_BIT),
            ("MAIL FROM:<joe@sender.test>", "RCPT TO:<bob@example.test>", "2.0.0"),
        )
        octets = self.received()
        self.assertTrue(octets.isascii())
        parsed = email.message_from_bytes(octets, policy=email.policy.default)
        self.assertEqual(parsed["Content-Transfer-Encoding"], "quoted-printable")
        self.assertEqual(parsed.get_content(), "Grüße aus Köln\r\n")

    def test_not_converted(self) -> None:
        """Where that is not wanted the message is refused."""
        self.assertEqual(self.said(octets=EIGHT_BIT, convert=False), ("", "", "5.6.3"))

    def test_chunking(self) -> None:
        """BDAT sends the same octets in chunks, with and without PIPELINING, if it is preferred (RFC 3030)."""
        octets = b"Subject: x\r\n\r\n" + b".\r\n" * 2000
        for keywords in (("CHUNKING",), ("CHUNKING", "PIPELINING")):
            self.said(*keywords, octets=octets, chunking=True, chunk=1024)
            self.assertEqual(self.received(), octets)
            self.assertEqual(self.server.messages[0].chunks, [1024] * 5 + [len(octets) - 5120])
            self.assertIn("BDAT 1024", self.server.said)
            self.assertNotIn("DATA", self.server.said)
            self.said(*keywords, octets=octets)
            self.assertNotIn("BDAT 1024", self.server.said)
        self.said(octets=octets, chunking=True)
        self.assertIn("DATA", self.server.said)

    def test_empty_content(self) -> None:
        """A message of no octets is one."""
        for settings in ({}, {"chunking": True}):
            self.assertEqual(self.said("CHUNKING", octets=b"", **settings)[2], "2.0.0")
            self.assertEqual(self.received(), b"")

    def test_chunk_refused(self) -> None:
        """After a refused chunk nothing more is sent, and the next message begins anew."""
        for keywords in (("CHUNKING",), ("CHUNKING", "PIPELINING")):
            self.serve(keywords, {"BDAT": "452 4.3.1 No space"})
            client = self.connect(chunking=True, chunk=1024)
            big = message(b"x" * 70 + b"\r\n" * 500_000)
            self.assertEqual(self.codes(self.send(client, big)), ["4.3.1"])
            self.assertLess(self.server.verbs().count("BDAT"), 300)
            self.assertEqual(self.server.messages, [])
            self.assertTrue(client.usable)
            self.assertEqual(self.codes(self.send(client)), ["2.0.0"])
            self.assertIn("RSET", self.server.said)

    def test_binary(self) -> None:
        """Binary mail goes as it is where BINARYMIME and CHUNKING are offered, and as base64 elsewhere."""
        content = bytes(range(256)) * 4
        octets = (
            b"MIME-Version: 1.0\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        )
        octets += content
        binary: dict[str, str | None] = {"BODY": "BINARYMIME"}
        said = self.said("BINARYMIME", "CHUNKING", "8BITMIME", octets=octets, parameters=binary)
        self.assertEqual(said[0], "MAIL FROM:<joe@sender.test> BODY=BINARYMIME")
        self.assertEqual(self.received(), octets)
        for keywords in (("8BITMIME", "CHUNKING"), ("BINARYMIME",), ()):
            self.assertEqual(self.said(*keywords, octets=octets, parameters=binary)[2], "2.0.0")
            parsed = email.message_from_bytes(self.received(), policy=email.policy.default)
            self.assertEqual(parsed["Content-Transfer-Encoding"], "base64")
            self.assertEqual(parsed.get_content(), content)

    def test_line_ends(self) -> None:
        """A bare CR or LF is never sent: the message is refused, or it becomes a line end."""
        for bare in (b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n", b"a\r\n\r", b"a\n.\r\n"):
            for settings in ({}, {"chunking": True}):
                octets = b"Subject: x\r\n\r\n" + bare
                self.assertEqual(self.said("CHUNKING", octets=octets, **settings), ("", "", "5.6.0"))
                self.assertEqual(
                    self.said("CHUNKING", octets=octets, line_ends="normalise", **settings)[2], "2.0.0"
                )
                lines = self.received()
                self.assertEqual(lines.count(b"\r"), lines.count(b"\r\n"))
                self.assertEqual(lines.count(b"\n"), lines.count(b"\r\n"))
                self.assertTrue(lines.endswith(b"\r\n"))

    def test_last_line(self) -> None:
        """A last line without an end gets one, by DATA and by BDAT alike."""
        for settings in ({}, {"chunking": True}):
            self.said("CHUNKING", octets=b"Subject: x\r\n\r\nend", **settings)
            self.assertEqual(self.received(), b"Subject: x\r\n\r\nend\r\n")

    def test_signed(self) -> None:
        """What was signed cannot be converted without breaking it, so it goes back."""
        octets = (
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: text/plain\r\n\r\nü\r\n--b--\r\n"
        )
        self.assertEqual(self.said(octets=octets.encode()), ("", "", "5.6.3"))
        self.assertEqual(self.said("8BITMIME", octets=octets.encode())[2], "2.0.0")

    def test_encodings(self) -> None:
        """In a multipart each part is encoded in its own way, and the others stay octet for octet."""
        octets = (
            b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b\r\n"
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"\xc3\xbc=\r\n\r\n--b\r\n"
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\x89PNG\xff\r\n--b\r\n"
            b"Content-Type: text/plain\r\n\r\nas it was \r\n--b--\r\nepilogue\r\n"
        )
        self.assertEqual(self.said(octets=octets)[2], "2.0.0")
        got = self.received()
        self.assertIn(b"boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--b\r\n", got)
        self.assertIn(b"quoted-printable\r\n\r\n=C3=BC=3D\r\n\r\n--b\r\n", got)
        self.assertIn(b"base64\r\n\r\n" + base64.b64encode(b"\x89PNG\xff") + b"\r\n--b\r\n", got)
        self.assertTrue(got.endswith(b"Content-Type: text/plain\r\n\r\nas it was \r\n--b--\r\nepilogue\r\n"))
        self.assertEqual(quopri.decodestring(b"=C3=BC=3D"), b"\xc3\xbc=")

    def test_everything_at_once(self) -> None:
        """A server with all keywords gets a plain message plainly."""
        said = self.said(*ALL_KEYWORDS)
        self.assertEqual(said[0], f"MAIL FROM:<joe@sender.test> SIZE={len(MESSAGE)}")
        self.assertEqual(self.received(), MESSAGE)
