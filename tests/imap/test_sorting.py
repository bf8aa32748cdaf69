"""Messages in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.sorting import Sorting
from mailframe.imap.wire.sorting import Criterion
from mailframe.message.sort_keys import pack, sort_keys
from mailframe.message.text import fold_case
from mailframe.store.values import Message

names = st.sampled_from(["", "Zoe", "adam", "Adam", "bob"])
subjects = st.sampled_from([b"", b"b", b"Re: a", b"A", b"[x] B (fwd)", b"=?utf-8?q?=C3=A4?="])


def message(uid: int, subject: bytes, sender: str, size: int, date: int) -> Message:
    """A message whose header section says this."""
    header = b"Subject: %b\r\nFrom: %b <%b@example.test>\r\n\r\n" % (
        subject,
        sender.encode(),
        sender.encode() or b"x",
    )
    return Message(uid, internal_date=date, size=size, sort_keys=pack(sort_keys(header)))


class SortingTests(SynchronousTestCase):
    """Sorting by several criteria."""

    @given(
        st.lists(st.tuples(subjects, names, st.integers(0, 3), st.integers(0, 3)), max_size=12),
        st.lists(
            st.builds(Criterion, st.sampled_from(["ARRIVAL", "SIZE", "SUBJECT", "FROM"]), st.booleans()),
            min_size=1,
            max_size=4,
        ),
    )
    def test_naive(self, facts: list[tuple[bytes, str, int, int]], criteria: list[Criterion]) -> None:
        """The order is that of comparing two messages criterion by criterion, and by number at last."""
        base = {
            b"": "",
            b"b": "b",
            b"Re: a": "a",
            b"A": "a",
            b"[x] B (fwd)": "b",
            b"=?utf-8?q?=C3=A4?=": "\u00e4",
        }
        sorting = Sorting(criteria)
        sorting.add([message(uid, *fact) for uid, fact in enumerate(facts, 1)])

        def before(one: int, other: int) -> bool:
            for criterion in criteria:
                subject, sender, size, date = range(4)
                column = {"SUBJECT": subject, "FROM": sender, "SIZE": size, "ARRIVAL": date}[criterion.name]
                values = [facts[uid - 1][column] for uid in (one, other)]
                if column == subject:
                    values = [fold_case(base[value]) for value in values]
                if column == sender:
                    values = [(value or "x").lower() for value in values]
                if values[0] != values[1]:
                    return (values[0] < values[1]) != criterion.reverse
            return one < other

        wanted: list[int] = []
        for uid in range(1, len(facts) + 1):
            place = sum(1 for other in wanted if before(other, uid))
            wanted.insert(place, uid)
        self.assertEqual(sorting.uids(), wanted)
