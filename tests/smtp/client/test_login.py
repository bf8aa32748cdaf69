"""Logins, and what is not the server's fault."""

from __future__ import annotations

import base64
from typing import Any

from mailframe.message.content import CHUNK, Content, OctetsBody, PiecesBody
from mailframe.message.mail import MailObject
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client import line, sender
from mailframe.smtp.client.errors import Refused
from mailframe.tls.policies import ClientPolicy, Level

from .harness import MESSAGE, ClientCase, message


class LoginTests(ClientCase):
    """AUTH (RFC 4954)."""

    CREDENTIALS = ClientCredentials("joe", "secret")
    PLAIN = base64.b64encode(b"\0joe\0secret").decode()

    def log_in(self, *keywords: str, answers: dict[str, Any] | None = None, tls: bool = True) -> list[str]:
        """What is said after the hello."""
        server = self.serve(["STARTTLS", *keywords] if tls else keywords, answers)
        policy = ClientPolicy(Level.ENCRYPT) if tls else ClientPolicy(Level.NONE)
        connecting = self.start(
            self.connector().connect(self.target(policy=policy, credentials=self.CREDENTIALS))
        )
        self.connected = connecting
        return server.said[3 if tls else 1 :]

    def test_plain(self) -> None:
        """PLAIN goes in one line."""
        self.assertEqual(self.log_in("AUTH PLAIN LOGIN"), [f"AUTH PLAIN {self.PLAIN}"])
        self.successResultOf(self.connected)
        self.assertEqual(
            self.server.said[:3], ["EHLO client.example.test", "STARTTLS", "EHLO client.example.test"]
        )

    def test_challenges(self) -> None:
        """LOGIN asks twice."""
        said = self.log_in(
            "AUTH=LOGIN", answers={"AUTH": "334 VXNlcm5hbWU6", "RESPONSE": ["334 UGFzc3dvcmQ6", "235 OK"]}
        )
        self.assertEqual(said, ["AUTH LOGIN", "am9l", "c2VjcmV0"])
        self.successResultOf(self.connected)

    def test_refused(self) -> None:
        """A refused login is told with the server's words, and the password is not in them."""
        for answer, code in (
            ("535 5.7.8 No", "5.7.8"),
            ("454 4.7.0 Later", "4.7.0"),
            ("421 Bye", "4.3.2"),
            ("250 What", "4.5.0"),
        ):
            self.log_in("AUTH PLAIN", answers={"AUTH": answer})
            error: Any = self.failureResultOf(self.connected).value
            self.assertEqual(error.status.code, code)
            self.assertNotIn(self.PLAIN, error.reason)

    def test_nonsense(self) -> None:
        """A challenge that is not the mechanism's is answered with a star."""
        said = self.log_in("AUTH PLAIN", answers={"AUTH": "334 ===", "RESPONSE": "501 5.7.0 Given up"})
        self.assertEqual(said[-1], "*")
        error: Any = self.failureResultOf(self.connected, Refused).value
        self.assertIn("by PLAIN was broken off: The challenge is not base64", error.reason)
        self.log_in("AUTH PLAIN", answers={"AUTH": "334 ", "RESPONSE": "334 "})
        self.failureResultOf(self.connected)

    def test_clear(self) -> None:
        """No password without TLS."""
        self.assertEqual(self.log_in("AUTH PLAIN LOGIN", tls=False), [])
        self.failureResultOf(self.connected)

    def test_not_offered(self) -> None:
        """Without AUTH there is no login, and nothing is sent as somebody else."""
        self.assertEqual(self.log_in(), [])
        error: Any = self.failureResultOf(self.connected).value
        self.assertTrue(error.status.temporary)

    def test_long_response(self) -> None:
        """An initial response too long for a command comes after the server asks for it."""
        self.CREDENTIALS = ClientCredentials("joe", "s" * 500)
        said = self.log_in("AUTH PLAIN", answers={"AUTH": "334 ", "RESPONSE": "235 OK"})
        self.assertEqual(said[0], "AUTH PLAIN")
        self.assertEqual(base64.b64decode(said[1]), b"\0joe\0" + b"s" * 500)


class MailObjectTests(ClientCase):
    """What is not the server's."""

    def test_in_memory(self) -> None:
        """A message in memory, in one piece or in several, is read without threads."""

        def no_thread(*arguments: object) -> None:
            raise AssertionError("a thread was asked")

        self.patch(line, "in_thread", no_thread)
        self.patch(sender, "in_thread", no_thread)
        self.serve()
        for body in (OctetsBody(MESSAGE), PiecesBody([MESSAGE[:20], MESSAGE[20:]])):
            mail = message()
            mail = MailObject(mail.queue_id, mail.envelope, Content(body), mail.origin)
            self.assertEqual(self.codes(self.send(self.connect(), mail)), ["2.0.0"])
            self.assertEqual(self.server.messages[-1].octets, MESSAGE)

    def test_unreadable(self) -> None:
        """A message that cannot be read here is tried again, and the server does not get half of it."""

        class Broken:
            size = 10 * CHUNK
            head = b""
            reads = 0

            def chunks(self) -> Any:
                self.reads += 1
                yield b"Subject: x\r\n\r\n" + b"x" * CHUNK + b"\r\n"
                if self.reads > 1:
                    raise OSError("the disk is gone")

            def discard(self) -> None:
                pass

        server = self.serve()
        client = self.connect()
        mail = message()
        mail = MailObject(mail.queue_id, mail.envelope, Content(Broken()), mail.origin)
        outcome = self.send(client, mail)
        self.assertEqual(self.codes(outcome), ["4.3.0"])
        self.assertEqual(server.messages, [])
        self.assertFalse(client.usable)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
