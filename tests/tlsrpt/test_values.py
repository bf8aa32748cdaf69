"""What is counted together, and what is not counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tlsrpt.values import Kind, day_of, end_of, kind_of

from .sessions import DANE, DATE, DAY, MX, NONE, NOON, STS, session


class KindTests(SynchronousTestCase):
    """The kind of a session."""

    def kind(self, *arguments: object, **more: object) -> Kind:
        found = kind_of(session(*arguments, **more), NOON)  # type: ignore[arg-type]
        assert found is not None
        return found

    def test_policies(self) -> None:
        """Policies of MTA-STS are the domain's, records are the host's, and neither is a kind, too."""
        self.assertEqual(("sts", "example.test", STS.text), self._policy(STS))
        self.assertEqual(("tlsa", MX, DANE.text), self._policy(DANE))
        self.assertEqual(("no-policy-found", "example.test", ()), self._policy(NONE))

    def _policy(self, policy: ClientPolicy) -> tuple[object, ...]:
        kind = self.kind(policy)
        return kind.type, kind.policy_domain, kind.text

    def test_success(self) -> None:
        """Successes with all hosts and addresses are counted together."""
        self.assertEqual(self.kind(STS), self.kind(STS, address="192.0.2.1", helo="x", source="192.0.2.9"))
        self.assertNotEqual(
            self.kind(STS, "certificate-expired", address="192.0.2.1"), self.kind(STS, "certificate-expired")
        )

    def test_ours(self) -> None:
        """What our own configuration demands, and mail to addresses, is nobody's report."""
        for level in (Level.NONE, Level.ENCRYPT, Level.VERIFY):
            self.assertIsNone(kind_of(session(ClientPolicy(level)), NOON))
        self.assertIsNone(kind_of(session(NONE, domain="[192.0.2.1]"), NOON))
        self.assertIsNone(kind_of(session(NONE, domain=""), NOON))

    def test_result(self) -> None:
        """A result that no report knows is a general one."""
        self.assertEqual("validation-failure", self.kind(STS, "strange").result)

    def test_days(self) -> None:
        """Days are those of UTC."""
        self.assertEqual(DATE, day_of(NOON))
        self.assertEqual(NOON + DAY / 2, end_of(DATE))
        self.assertEqual(DATE, day_of(end_of(DATE) - 1))

    @given(st.text(max_size=400), st.text(max_size=400))
    def test_plain(self, reason: str, helo: str) -> None:
        """Words of hosts are printable and short in a report."""
        kind = self.kind(STS, "certificate-expired", reason=reason, helo=helo)
        for text in (kind.reason, kind.helo):
            self.assertTrue(len(text) <= 200 and text.isascii() and (text.isprintable() or not text))
