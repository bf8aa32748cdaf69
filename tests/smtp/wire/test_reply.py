"""Replies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import status as known
from mailframe.message.status import Status
from mailframe.smtp.wire.reply import basic_code, render, render_lines

STATUSES = st.builds(
    Status,
    st.tuples(st.sampled_from([2, 4, 5]), st.integers(0, 7), st.integers(0, 30)),
    st.text(),
)


class ReplyTests(SynchronousTestCase):
    """A status as SMTP says it."""

    @given(STATUSES)
    def test_any_status(self, status: Status) -> None:
        """Every status is one line of ASCII whose two codes are of one class, short enough for anybody."""
        line = render(status)
        self.assertEqual(line.count(b"\r\n"), 1)
        self.assertEqual(line.count(b"\n"), 1)
        self.assertTrue(line.isascii())
        self.assertLessEqual(len(line), 512)
        self.assertEqual(basic_code(status) // 100, status.enhanced[0])
        self.assertTrue(line.startswith(b"%d %s " % (basic_code(status), status.code.encode())))

    def test_usual_codes(self) -> None:
        """The basic codes are those that RFC 5248 lists."""
        for status, line in (
            (known.OK, b"250 2.0.0 OK\r\n"),
            (known.NO_SUCH_MAILBOX, b"550 5.1.1 No such mailbox here\r\n"),
            (known.MAILBOX_FULL, b"452 4.2.2 The mailbox is full\r\n"),
            (known.STORAGE_FULL, b"452 4.3.1 Out of storage; try again later\r\n"),
            (known.CREDENTIALS_INVALID, b"535 5.7.8 Authentication failed\r\n"),
            (Status((5, 7, 1), "No"), b"550 5.7.1 No\r\n"),
            (Status((4, 7, 1), "Later"), b"450 4.7.1 Later\r\n"),
            (Status((4, 3, 2), "Later"), b"451 4.3.2 Later\r\n"),
            (Status((4, 3, 2), "Later", reply_code=421), b"421 4.3.2 Later\r\n"),
        ):
            self.assertEqual(render(status), line)

    def test_several_lines(self) -> None:
        """All lines but the last have a hyphen."""
        self.assertEqual(render_lines(250, ("a", "b", "c")), b"250-a\r\n250-b\r\n250 c\r\n")
        self.assertEqual(render_lines(220, ("a\r\n250 b",)), b"220 a??250 b\r\n")
