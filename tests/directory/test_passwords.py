"""Password schemes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory import passwords
from mailframe.directory.passwords import (
    MAXIMUM_PASSWORD,
    SCHEMES,
    BadHash,
    Scheme,
    UnknownScheme,
    default_scheme,
    is_hash,
    make_hash,
    split,
    verify,
)

# Of "geheim"; as other programs write them.
KNOWN = [
    "{PLAIN}geheim",
    "{plain}geheim",
    "{SHA}kGByAB793z4R5tK1eC9Hd/4Dhzk=",
    "{SHA1}906072001efddf3e11e6d2b5782f4777fe038739",
    "{SHA256}rdsPXngmyFfXN20b2bwzwMVEeQourJYUSoryKxKYyUA=",
    "{PLAIN-MD5}e8636ea013e682faf61f56ce1cb1ab5c",
    "{LDAP-MD5}6GNuoBPmgvr2H1bOHLGrXA==",
    "{SHA.HEX}906072001efddf3e11e6d2b5782f4777fe038739",
    "{PLAIN.B64}Z2VoZWlt",
    "{PLAIN.HEX}67656865696d",
    "{SSHA}XX3fbI5M0EgEG+LHNzAGajt9SNvFMeH5UIzqUyKcEQhBLZoI",
    "{SMD5}KiFsMplgtIJ8ihFumwgcIHKcIEvP80TsdeInxcWUvyU=",
    "{PBKDF2}$1$faeefcc1dc05999e$200000$4292d9a62c78eadc7ebad82c212b42042c5b29be",
    "{SCRYPT}$scrypt$ln=14,r=8,p=1$0QgHVVydek6uZd3cuUdANQ$e5yS13WxmSrVjHMVDvbya53BWbEsZoRtjDeqiXHVZ/c",
    "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$Svsj2ocnET1+JahYf/sRoA$oVF+vREuVlGoR1YLFjX5OGOgFinCOWPzPtP0D1J8/KY",
    "{CRYPT}$2b$10$4PL5/g05.OppaSKytqL8UeCoaxc.1tnibm8/Kq18DFe8zai3RGgHm",
    "{BLF-CRYPT}$2y$10$4PL5/g05.OppaSKytqL8UeCoaxc.1tnibm8/Kq18DFe8zai3RGgHm",
    "{SHA256-CRYPT}$5$PXKC8R8uaWaEhSTK$epf4AJF7jp3jnJxs9augnoSljWgRs.akJuZIUcyh2B7",
    "$5$PXKC8R8uaWaEhSTK$epf4AJF7jp3jnJxs9augnoSljWgRs.akJuZIUcyh2B7",
]


class KnownHashTests(SynchronousTestCase):
    """Hashes that other programs made."""

    def test_right_and_wrong(self) -> None:
        """The right password fits and another does not."""
        for stored in KNOWN:
            self.assertTrue(verify(b"geheim", stored), stored)
            self.assertFalse(verify(b"Geheim", stored), stored)
            self.assertFalse(verify(b"", stored), stored)


class MadeHashTests(SynchronousTestCase):
    """Hashes that we make."""

    def test_every_scheme(self) -> None:
        """Every scheme verifies what it made, and twice the same password gives two hashes where there is salt."""
        for name in SCHEMES:
            stored = make_hash("pässwort", name)
            self.assertTrue(stored.startswith(f"{{{name}}}"))
            self.assertTrue(verify("pässwort".encode(), stored), name)
            self.assertFalse(verify(b"passwort", stored), name)

    def test_default(self) -> None:
        """New passwords are hashed by the best scheme there is."""
        self.assertTrue(make_hash(b"x").startswith("{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$"))
        without = dict(SCHEMES, ARGON2ID=Scheme(verify, str, "no_such_module"))
        self.patch(passwords, "SCHEMES", without)
        self.assertEqual("SCRYPT", default_scheme())

    def test_missing_library(self) -> None:
        """A scheme whose library is not installed says which one."""
        self.patch(passwords, "SCHEMES", dict(SCHEMES, ARGON2ID=Scheme(verify, str, "no_such_module")))
        error = self.assertRaises(UnknownScheme, make_hash, b"x", "ARGON2ID")
        self.assertIn("no_such_module", str(error))

    def test_long_passwords(self) -> None:
        """bcrypt looks at 72 octets, as it always has; longer than the bound is never right."""
        stored = make_hash(b"x" * 100, "BLF-CRYPT")
        self.assertTrue(verify(b"x" * 72 + b"other", stored))
        self.assertRaises(ValueError, make_hash, b"x" * (MAXIMUM_PASSWORD + 1))
        self.assertRaises(ValueError, make_hash, b"")
        self.assertFalse(verify(b"x" * (MAXIMUM_PASSWORD + 1), "{PLAIN}" + "x" * (MAXIMUM_PASSWORD + 1)))

    @given(
        st.binary(min_size=1, max_size=200),
        st.sampled_from(["SSHA512", "SSHA", "SHA256", "PLAIN-MD5", "SMD5"]),
    )
    def test_any_octets(self, password: bytes, scheme: str) -> None:
        """Passwords are octets: any of them work."""
        self.assertTrue(verify(password, make_hash(password, scheme)))


class BadHashTests(SynchronousTestCase):
    """What is wrong with a stored password is said."""

    def test_unknown_scheme(self) -> None:
        """Unknown schemes are named, and so are the known ones."""
        for stored in (
            "{NOSUCH}x",
            "{DES-CRYPT}x",
            "{PLAIN.ROT13}x",
            "{CRYPT}$y$x",
            "{CRYPT}old-des-hash",
        ):
            self.assertRaises(UnknownScheme, verify, b"x", stored)
        self.assertIn("ARGON2ID", str(self.assertRaises(UnknownScheme, make_hash, b"x", "NOSUCH")))

    def test_no_scheme(self) -> None:
        """A bare password is not taken for one."""
        for stored in ("geheim", "", "{", "{PLAIN", "{}x"):
            self.assertRaises(UnknownScheme, split, stored)

    def test_too_expensive(self) -> None:
        """Hashes that would take all memory or minutes are refused before the work."""
        for stored in (
            "{SCRYPT}$scrypt$ln=20,r=8,p=1$c2FsdA$aGFzaA",
            "{SCRYPT}$scrypt$ln=99,r=8,p=1$c2FsdA$aGFzaA",
            "{SCRYPT}$scrypt$ln=14,r=8,p=200$c2FsdA$aGFzaA",
            "{PBKDF2}$1$salt$999999999$00",
            "{BLF-CRYPT}$2b$31$4PL5/g05.OppaSKytqL8UeCoaxc.1tnibm8/Kq18DFe8zai3RGgHm",
            "{SHA512-CRYPT}$6$rounds=999999999$salt$x",
            "{ARGON2ID}$argon2id$v=19$m=99999999,t=2,p=1$Svsj2ocnET1+JahYf/sRoA$oVF+vREuVlGoR1YLFjX5OGOgFinCOWPzPtP0D1J8/KY",
        ):
            self.assertRaises(BadHash, verify, b"x", stored)

    @settings(max_examples=200)
    @given(
        st.sampled_from([name for name in SCHEMES if "PLAIN" not in name and "CLEAR" not in name]),
        st.one_of(
            st.text(max_size=80),
            st.from_regex(r"\$(1|5|6|2b|scrypt|argon2id)\$[a-z0-9=,$]{0,40}", fullmatch=True),
        ),
    )
    def test_any_text(self, scheme: str, text: str) -> None:
        """Whatever stands in the directory: an answer, or a clear error."""
        try:
            self.assertFalse(verify(b"an unlikely password", f"{{{scheme}}}{text}"))
        except (BadHash, UnknownScheme) as error:
            if len(text) > 8:
                self.assertNotIn(text, str(error))

    def test_is_hash(self) -> None:
        """A password in clear is told from a hash."""
        self.assertTrue(is_hash("{PLAIN}x"))
        self.assertTrue(is_hash("{sha512.hex}x"))
        for text in ("x", "{x}y", "{PLAIN", "", "PLAIN}"):
            self.assertFalse(is_hash(text), text)
