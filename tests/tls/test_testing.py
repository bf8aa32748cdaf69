"""Policies under test: a host is looked at, and nothing fails for what is seen (RFC 8461 section 5)."""

from __future__ import annotations

from mailframe.tls.errors import Result
from mailframe.tls.policies import ClientPolicy, Level

from .authorities import NAME, Issued, issue, self_signed, stranger
from .test_client import ClientCase

TESTED = ClientPolicy(Level.OPPORTUNISTIC, (NAME,), testing=True)


class TestedPolicyTests(ClientCase):
    """What `verify` would have said is told."""

    def fault(self, issued: Issued, policy: ClientPolicy = TESTED) -> Result | None:
        meeting = self.meet(issued, policy)
        self.accepted(meeting)
        fault = meeting.handle.fault
        return None if fault is None else fault.result

    def test_good(self) -> None:
        """A good certificate has no fault."""
        self.assertIsNone(self.fault(issue(NAME)))

    def test_faults(self) -> None:
        """A stranger's, another's and an old certificate are told, and the connection stands."""
        self.assertIs(Result.CERTIFICATE_NOT_TRUSTED, self.fault(issue(NAME, ca=stranger())))
        self.assertIs(Result.CERTIFICATE_NOT_TRUSTED, self.fault(self_signed(NAME)))
        self.assertIs(Result.CERTIFICATE_HOST_MISMATCH, self.fault(issue("other.example.test")))
        self.assertIs(Result.CERTIFICATE_EXPIRED, self.fault(issue(NAME, expired=True)))

    def test_again(self) -> None:
        """The second connection is looked at like the first."""
        for _ in range(2):
            self.assertIs(Result.CERTIFICATE_HOST_MISMATCH, self.fault(issue("other.example.test")))

    def test_not_tested(self) -> None:
        """Without a policy under test nothing is looked at."""
        self.assertIsNone(self.fault(issue(NAME, ca=stranger()), ClientPolicy(Level.OPPORTUNISTIC)))

    def test_server_name(self) -> None:
        """A policy may name another name for SNI than the host's."""
        policy = ClientPolicy(Level.ENCRYPT, server_name="other.example.test")
        meeting = self.meet(issue(NAME), policy)
        self.assertEqual(b"other.example.test", meeting.server_handle.get_servername())
