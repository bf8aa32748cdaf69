"""Hashes that would hold the interpreter are checked in another process."""

from __future__ import annotations

import io
import json
import os
import signal
from base64 import b64encode
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory import outside
from mailframe.directory.outside import OutsideVerifier, answer_all, holds_interpreter
from mailframe.directory.passwords import BadHash
from mailframe.directory.sha_crypt import sha_crypt

COSTLY = "{SHA512-CRYPT}" + sha_crypt(b"right", "$6$rounds=10001$salt")


class HoldsInterpreterTests(SynchronousTestCase):
    """Which hashes those are."""

    def test_rounds(self) -> None:
        """SHA-crypt with many rounds, under whatever name; nothing else."""
        for stored in (COSTLY, "$5$rounds=656000$salt$x", "{CRYPT}$6$rounds=656000$salt$x"):
            self.assertTrue(holds_interpreter(stored), stored)
        for stored in (
            "{SHA512-CRYPT}$6$salt$x",
            "$6$rounds=10000$salt$x",
            "{PLAIN}$6$rounds=",
            "",
            "{ARGON2ID}x",
        ):
            self.assertFalse(holds_interpreter(stored), stored)


class OutsideVerifierTests(SynchronousTestCase):
    """With a real process."""

    def setUp(self) -> None:
        self.verifier = OutsideVerifier()
        self.addCleanup(self.verifier.stop)

    def test_right_and_wrong(self) -> None:
        """The answers are those of `verify`; one process serves them all."""
        self.assertTrue(self.verifier.verify(b"right", COSTLY))
        (helper,) = self.verifier._idle
        self.assertFalse(self.verifier.verify(b"wrong", COSTLY))
        self.assertRaises(BadHash, self.verifier.verify, b"x", "{SHA256-CRYPT}$6$rounds=20000$salt$x")
        self.assertEqual([helper], self.verifier._idle)
        self.assertTrue(self.verifier.verify(b"right", "{PLAIN}right"))

    def test_killed(self) -> None:
        """A process that was killed is replaced."""
        self.assertTrue(self.verifier.verify(b"right", COSTLY))
        (helper,) = self.verifier._idle
        os.kill(helper.pid, signal.SIGKILL)
        helper.wait()
        self.assertTrue(self.verifier.verify(b"right", COSTLY))
        self.assertNotEqual([helper], self.verifier._idle)

    def test_does_not_work(self) -> None:
        """A process that ends at once is an error, which a login takes for a fault of ours."""
        with patch.object(outside.sys, "executable", "/bin/true"):
            self.assertRaises(OSError, self.verifier.verify, b"right", COSTLY)
        self.assertEqual([], self.verifier._idle)

    def test_stop(self) -> None:
        """After the stop no process is left."""
        self.verifier.verify(b"right", COSTLY)
        (helper,) = self.verifier._idle
        self.verifier.stop()
        self.assertIsNotNone(helper.returncode)
        self.assertEqual([], self.verifier._idle)

    def test_other_side(self) -> None:
        """It answers line by line, and says nothing of why a hash cannot be read."""
        lines = [
            json.dumps([b64encode(b"right").decode(), stored]).encode() + b"\n"
            for stored in ("{PLAIN}right", "{PLAIN}other", "{NOSUCH}x", "{SHA256}zz")
        ]
        answers = io.BytesIO()
        answer_all(io.BytesIO(b"".join(lines)), answers)
        self.assertEqual(b"true\nfalse\nnull\nnull\n", answers.getvalue())
