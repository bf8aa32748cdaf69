"""What the ingest log's files look like."""

from __future__ import annotations

import hashlib
import io

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.ingest.records import MAGIC, Record, line_of, octets_of, records_in

MAILBOXES = st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple)
MESSAGES = st.lists(
    st.tuples(st.integers(0, 1 << 40), st.text(max_size=20), MAILBOXES, st.binary()), max_size=5
)


def record_of(octets: bytes, date: int = 0, queue_id: str = "Q", mailboxes=()) -> Record:
    return Record(date, queue_id, mailboxes, len(octets), hashlib.sha256(octets).hexdigest())


def file_of(messages) -> bytes:
    octets = MAGIC
    for date, queue_id, mailboxes, message in messages:
        octets += line_of(record_of(message, date, queue_id, mailboxes)) + message + b"\n"
    return octets


class RecordTests(SynchronousTestCase):
    """Files of records."""

    @given(MESSAGES)
    def test_round_trip(self, messages) -> None:
        """What was written is read, whatever is in it."""
        file = io.BytesIO(file_of(messages))
        found = list(records_in(file))
        self.assertEqual(
            [(one.record.date, one.record.queue_id, one.record.mailboxes) for one in found],
            [message[:3] for message in messages],
        )
        self.assertEqual(
            [b"".join(octets_of(file, one)) for one in found], [message[3] for message in messages]
        )

    @given(MESSAGES, st.data())
    def test_torn(self, messages, data) -> None:
        """Of a file that ends anywhere, the whole records are read, and nothing else."""
        whole = file_of(messages)
        length = data.draw(st.integers(len(MAGIC), len(whole)))
        file = io.BytesIO(whole[:length])
        found = list(records_in(file))
        self.assertEqual(
            [b"".join(octets_of(file, one)) for one in found],
            [message[3] for message in messages][: len(found)],
        )
        # Only the empty line at its end may be missing from a whole record.
        self.assertGreaterEqual(
            len(found), sum(len(file_of(messages[: n + 1])) <= length for n in range(len(messages)))
        )

    @given(st.binary(max_size=200))
    def test_garbage(self, octets) -> None:
        """Garbage behind the beginning is no record and no error."""
        for found in records_in(io.BytesIO(MAGIC + octets)):
            self.assertLessEqual(found.offset + found.record.size, len(MAGIC) + len(octets))

    def test_another_file(self) -> None:
        """A file of something else is told apart."""
        self.assertRaises(ValueError, list, records_in(io.BytesIO(b"From alice\n")))

    def test_damaged(self) -> None:
        """Octets that are not those that were written are not given out as a message."""
        file = io.BytesIO(file_of([(0, "Q", (), b"hello")]).replace(b"hello", b"hallo"))
        (found,) = records_in(file)
        self.assertRaises(ValueError, list, octets_of(file, found))
