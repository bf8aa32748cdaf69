"""SHA-crypt."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.md5_crypt import md5_crypt
from mailframe.directory.sha_crypt import MAXIMUM_ROUNDS, new_setting, sha_crypt

# Made with crypt(3) of a Linux system.
KNOWN = [
    (b"", "$5$rounds=1400$anotherlongsalts$7IcTVudmZDHdXM3GIn4KAxA5tvn.eciiARdqRBeqNs/"),
    (b"Hello world!", "$5$rounds=1400$anotherlongsalts$3qrvGONjJLD3nbbdMqiPU3HEkZj9mKxTAR68T172Rv9"),
    (b"z" * 100, "$5$rounds=1400$anotherlongsalts$T4h0j8nY9FjVL1o9eT3KcmF58RFW8UEZLiycKUVR1v4"),
    (
        b"",
        "$6$rounds=1400$anotherlongsalts$CvyNSQwf6bQerEu9N9SQOWtPnrIu1XZzaKZQpGKfoQ/SaumCMqHGCEvfGxtQ5xG2Au23d5sGapl8LQH64hLtn/",
    ),
    (
        b"Hello world!",
        "$6$rounds=1400$anotherlongsalts$5FGyu8c4BZDX4wJgs0Un26YOw2XibT5eTkHF1I1aP3QqStoJI9BHD2YPJYsAjEePVGUyBjdZxcNqMWlrrbIOC.",
    ),
    (
        b"z" * 100,
        "$6$rounds=1400$anotherlongsalts$2toOwgMfnKsIwRWGZTVEDtlXV/M9XEAEgT1PVnsj.w8oNE7O0V8H3y7UlIxC8XBkbFL9CCPTIx1/YRT2CUCe80",
    ),
]


class ShaCryptTests(SynchronousTestCase):
    """Hashes of Unix password files."""

    def test_known_hashes(self) -> None:
        """It gives what crypt(3) gives."""
        for password, text in KNOWN:
            self.assertEqual(text, sha_crypt(password, text))

    def test_long_salt_is_cut(self) -> None:
        """Only sixteen characters of salt count, as everywhere."""
        self.assertEqual(sha_crypt(b"x", "$5$" + "a" * 16), sha_crypt(b"x", "$5$" + "a" * 30))

    def test_too_few_rounds(self) -> None:
        """Fewer than a thousand rounds are a thousand."""
        self.assertIn("$rounds=1000$", sha_crypt(b"x", "$5$rounds=10$salt"))

    def test_too_many_rounds_are_refused_at_once(self) -> None:
        """A hash that would take minutes takes none."""
        begun = time.monotonic()
        for rounds in (str(MAXIMUM_ROUNDS + 1), "999999999", "9" * 5000, "-1", "²", ""):
            self.assertRaises(ValueError, sha_crypt, b"x", f"$6$rounds={rounds}$salt$")
        self.assertLess(time.monotonic() - begun, 1.0)

    def test_other_text(self) -> None:
        """What is no such hash is an error."""
        for text in ("", "$", "$5", "$1$salt$x", "5$salt$", "$7$salt$"):
            self.assertRaises(ValueError, sha_crypt, b"x", text)

    def test_settings_differ(self) -> None:
        """Every password gets a salt of its own."""
        self.assertNotEqual(new_setting("6"), new_setting("6"))


class MD5CryptTests(SynchronousTestCase):
    """The older one of the same files."""

    def test_known(self) -> None:
        """Hashes that other programs made."""
        for password, stored in (
            (b"rasmuslerdorf", "$1$rasmusle$rISCgZzpwk3UhDidwXvin0"),
            (b"0.s0.l33t", "$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0"),
        ):
            self.assertEqual(stored, md5_crypt(password, stored))

    def test_no_setting(self) -> None:
        """What is none is refused."""
        for setting in ("", "$1", "$6$x", "x$1$y"):
            self.assertRaises(ValueError, md5_crypt, b"x", setting)
