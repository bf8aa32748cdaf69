"""What is asked of a server, and how its answers are judged."""

from __future__ import annotations

from typing import Any

from mailframe.message.address import Address
from mailframe.sasl.client import ClientCredentials
from mailframe.smtp.client.probing import Questions, Report, probe

from .harness import BOB, ClientCase


class ProbeTests(ClientCase):
    """One server, some questions."""

    def ask(
        self, *keywords: str, broken: str | None = None, answers: Any = None, **questions: Any
    ) -> dict[str, bool | None]:
        """Each step, and whether it is good."""
        self.serve(keywords, answers)
        self.endpoint.broken_tls = broken
        self.report: Report = self.run_now(probe(self.connector(), self.target(), Questions(**questions)))
        return {step.name: step.good for step in self.report.steps}

    def test_all_good(self) -> None:
        """TLS, a certificate that holds, a login, no relaying."""
        found = self.ask(
            "STARTTLS", "AUTH PLAIN", answers={"RCPT": "550 5.7.1 No"},
            credentials=ClientCredentials("joe", "secret"), relay=[BOB], sender=Address("x", "y.test"), tls=True,
        )  # fmt: skip
        self.assertEqual(
            found, dict.fromkeys(("connection", "tls", "certificate", "hello", "login", "relay"), True)
        )
        self.assertTrue(self.report.good)
        self.assertEqual(self.report.greeting, "mx.example.test ready")
        self.assertEqual(self.server.verbs()[-4:], ["MAIL", "RCPT", "RSET", "QUIT"])
        self.assertEqual(self.server.messages, [])

    def test_no_tls(self) -> None:
        """No TLS is a fault only where it must be there."""
        self.assertEqual(self.ask()["tls"], None)
        self.assertTrue(self.report.good)
        self.assertEqual(self.ask(tls=True)["tls"], False)
        self.assertEqual(self.ask("STARTTLS", tls=False)["tls"], None)
        self.assertNotIn("STARTTLS", self.server.said)

    def test_bad_tls(self) -> None:
        """A handshake that fails is told, and the rest is asked in clear."""
        found = self.ask("STARTTLS", broken="the certificate has expired", tls=True)
        self.assertEqual((found["certificate"], found["tls"], found["hello"]), (False, False, True))
        found = self.ask("STARTTLS", broken="the certificate has expired", verify=False)
        self.assertEqual((found["certificate"], found["tls"]), (None, None))

    def test_open_relay(self) -> None:
        """A server that takes mail for others is one to worry about."""
        self.assertEqual(self.ask(relay=[BOB])["relay"], False)
        self.assertIn("TAKEN", self.report.steps[-1].text)
        self.assertEqual(self.ask(relay=[BOB], answers={"MAIL": "530 5.7.0 Log in"})["relay"], True)
        self.assertEqual(self.ask(relay=[BOB, BOB], answers={"RCPT": "421 Bye"})["relay"], None)

    def test_login(self) -> None:
        """A login that fails is a fault, and so is no way to log in."""
        credentials = ClientCredentials("joe", "secret")
        answers = {"AUTH": "535 5.7.8 No"}
        self.assertEqual(
            self.ask("STARTTLS", "AUTH PLAIN", answers=answers, credentials=credentials)["login"], False
        )
        self.assertEqual(self.ask("AUTH PLAIN", credentials=credentials)["login"], False)

    def test_password_for_nobody(self) -> None:
        """A password is not shown under a certificate that does not hold, unless that is no fault."""
        credentials = ClientCredentials("joe", "secret")
        wanted = "the certificate has expired"

        def connect(factory: Any) -> Any:
            # The certificate is looked at with the first of the connections only.
            self.endpoint.broken_tls = None if self.endpoint.wires else wanted
            return type(self.endpoint).connect(self.endpoint, factory)

        for verify in (True, False):
            self.serve(["STARTTLS", "AUTH PLAIN"])
            self.endpoint.connect = connect  # type: ignore[method-assign]
            questions = Questions(credentials=credentials, verify=verify)
            report = self.run_now(probe(self.connector(), self.target(), questions))
            found = {step.name: step.good for step in report.steps}
            self.assertEqual(found["tls"], True)
            self.assertEqual(found["login"], not verify)
            self.assertEqual("AUTH" in self.server.verbs(), not verify)

    def test_socket(self) -> None:
        """On a socket there is no TLS, and a login needs none."""
        self.serve(["STARTTLS", "AUTH PLAIN"])
        target = self.target(path="/run/lmtp")
        questions = Questions(credentials=ClientCredentials("joe", "secret"))
        report = self.run_now(probe(self.connector(), target, questions))
        self.assertTrue(report.good)
        self.assertEqual(self.server.verbs(), ["EHLO", "AUTH", "QUIT"])

    def test_no_session(self) -> None:
        """A server that does not talk with us."""
        self.assertEqual(self.ask(answers={"CONNECT": "554 No"}), {"connection": False})
