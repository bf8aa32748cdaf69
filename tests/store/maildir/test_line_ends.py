"""Reading message files at any offset, and writing them, with any line ends."""

from __future__ import annotations

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.content import Content
from mailframe.store.files import Files
from mailframe.store.line_ends import Form, with_crlf
from mailframe.store.maildir import reading
from mailframe.store.maildir.reading import LargeFile, LargeFiles, read_whole
from mailframe.store.maildir.writing import write
from mailframe.testing.store import describe
from mailframe.testing.store.fixture import in_file

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"bc", b"."])).map(b"".join)


class ReadingTests(SynchronousTestCase):
    """Large files, window by window."""

    def setUp(self) -> None:
        self.patch(reading, "CHUNK", 7)
        self.files = Files()
        self.path = os.path.abspath(self.mktemp())

    @given(OCTETS, st.sampled_from(list(Form)), st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30))))
    def test_windows(self, octets: bytes, form: Form, windows: list[tuple[int, int]]) -> None:
        """Every window is the right piece of the message, in any order."""
        with open(self.path, "wb") as file:
            file.write(octets)
        message = with_crlf(octets, form)
        large = LargeFile(self.files, self.files.open(self.path), form)
        try:
            for offset, length in windows:
                self.assertEqual(large.read(offset, length), message[offset : offset + length])
                self.assertEqual(large.read(offset, None), message[offset:])
            self.assertEqual(b"".join(large.pieces()), message)
        finally:
            large.close()
        self.assertEqual(read_whole(self.files, self.path), octets)

    def test_few_are_open(self) -> None:
        """No more large files are open than allowed."""
        open_files = LargeFiles(self.files, limit=2)
        self.addCleanup(open_files.close)
        for number in range(5):
            with open(f"{self.path}{number}", "wb") as file:
                file.write(b"%d\n" % number)
        before = len(os.listdir("/proc/self/fd"))
        for number in (0, 1, 2, 3, 4, 0):
            found = open_files.get(str(number), f"{self.path}{number}", Form.LF)
            self.assertEqual(found.read(0, None), b"%d\r\n" % number)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before + 2)


class WritingTests(SynchronousTestCase):
    """Content goes to disk the same way from memory and from a file."""

    @given(OCTETS, st.sampled_from(["lf", "crlf"]))
    def test_from_a_file(self, octets: bytes, line_ends: str) -> None:
        """A large message is written as a small one is."""
        files = Files()
        with tempfile.TemporaryDirectory() as directory:
            small = write(files, f"{directory}/small", Content.of(octets), line_ends, describe)
            content = in_file(octets)
            large = write(files, f"{directory}/large", content, line_ends, describe)
            content.body.discard()
            for written in (small, large):
                files.close(written.descriptor)
            self.assertEqual((small.size, small.disk_size), (large.size, large.disk_size))
            self.assertEqual(read_whole(files, small.path), read_whole(files, large.path))
            self.assertEqual(with_crlf(read_whole(files, large.path), large.form), octets)
            self.assertIsNone(large.description)

    def test_pair_across_pieces(self) -> None:
        """A CRLF that lies across two pieces of a file is one line end."""
        files = Files()
        octets = b"x" * (64 * 1024 - 1) + b"\r\n" + b"y" * 70_000 + b"\r\n"
        path = os.path.abspath(self.mktemp())
        content = in_file(octets)
        self.addCleanup(content.body.discard)
        written = write(files, path, content, "lf", describe)
        files.close(written.descriptor)
        self.assertEqual(written.form, Form.LF)
        self.assertEqual(read_whole(files, path), octets.replace(b"\r\n", b"\n"))
