"""SCRAM keys as they are kept, and passwords that are prepared."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.passwords import BadHash, in_clear, make_hash, verify
from mailframe.directory.scram_keys import MAXIMUM_ITERATIONS, keys_of, new_keys, read_keys
from mailframe.directory.values import Account, Credential

# Of "pencil", with the salt of RFC 7677 section 3; as other programs have it.
PENCIL = (
    "4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


class KeysTests(SynchronousTestCase):
    """What lies in a directory."""

    def test_known(self) -> None:
        """Keys that another program made are those of the password."""
        self.assertTrue(verify(b"pencil", f"{{SCRAM-SHA-256}}{PENCIL}"))
        self.assertFalse(verify(b"pencils", f"{{SCRAM-SHA-256}}{PENCIL}"))
        self.assertFalse(verify(b"pencil", f"{{SCRAM-SHA-1}}{PENCIL}"))

    def test_beside_and_instead(self) -> None:
        """Keys are found beside a hash, or in its place, each for its mechanism."""
        alice = Account("alice@example.test")
        beside = Credential(alice, "{PLAIN}x", (f"{{SCRAM-SHA-256}}{PENCIL}",))
        instead = Credential(alice, f"{{scram-sha-256}}{PENCIL}")
        for credential in (beside, instead):
            found = keys_of(credential, "SCRAM-SHA-256")
            assert found is not None
            self.assertEqual(found.iterations, 4096)
            self.assertIsNone(keys_of(credential, "SCRAM-SHA-1"))

    def test_new(self) -> None:
        """Each new key has a salt of its own, and the cost that was asked for."""
        first, second = (new_keys("secret", ["SCRAM-SHA-256", "SCRAM-SHA-1"], 5000) for _ in range(2))
        self.assertEqual(len({*first, *second}), 4)
        for stored in first:
            self.assertTrue(verify(b"secret", stored))
            self.assertIn("}5000,", stored)

    def test_bounds(self) -> None:
        """Keys that would cost too much, or are none, are told."""
        salt, rest = "c2FsdA==", ",AAAA,AAAA"
        for text in (
            "",
            "4096",
            f"0,{salt}{rest}",
            f"-1,{salt}{rest}",
            f"{MAXIMUM_ITERATIONS + 1},{salt}{rest}",
            f"9999999999,{salt}{rest}",
            f"4096,{rest}",
            f"4096,{salt},AAAA,AAAAAAAA",
            f"4096,{salt},*,AAAA",
            f"4096,{salt}{rest},AAAA",
        ):
            self.assertRaises(ValueError, read_keys, text)
            self.assertRaises(BadHash, verify, b"x", f"{{SCRAM-SHA-256}}{text}")


class PreparedTests(SynchronousTestCase):
    """Letters that are typed in two ways."""

    def test_two_ways(self) -> None:
        """A password is right in whatever way its letters are put together."""
        for scheme in ("SSHA256", "SCRYPT", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN"):
            stored = make_hash("caf\u00e9 \u2168", scheme)
            for typed in ("caf\u00e9 \u2168", "cafe\u0301 IX", "caf\u00e9\u00a0IX"):
                self.assertTrue(verify(typed.encode(), stored), (scheme, typed))
            self.assertFalse(verify(b"cafe IX", stored))

    def test_of_others(self) -> None:
        """A hash of the octets as they were typed, which another program made, stays right."""
        typed = "\u00aa\u2168".encode()
        stored = "{SHA256}" + hashlib.sha256(typed).hexdigest()
        self.assertTrue(verify(typed, stored))
        self.assertFalse(verify(b"aIX", stored))

    @given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
    def test_any(self, password: str) -> None:
        """Every password fits its own hash."""
        try:
            stored = make_hash(password, "SSHA")
        except ValueError:
            # Of invisible characters nothing is left.
            return
        self.assertTrue(verify(password.encode(), stored))

    def test_in_clear(self) -> None:
        """What is kept as it is can be read, and nothing else."""
        for stored in ("{PLAIN}geheim", "{clear}geheim", "{PLAIN.B64}Z2VoZWlt", "{PLAIN.HEX}67656865696d"):
            self.assertEqual(in_clear(stored), b"geheim")
        self.assertIsNone(in_clear("{SHA.HEX}906072001efddf3e11e6d2b5782f4777fe038739"))
        self.assertRaises(BadHash, in_clear, "{PLAIN.B64}*")
        self.assertRaises(ValueError, in_clear, "geheim")
