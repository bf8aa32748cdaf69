"""Messages in threads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.imap.threading import Threadable, by_references, by_references_alone, by_subject, render

ids = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"])
messages = st.lists(
    st.builds(
        lambda sent, subject, reply, own, refs: (sent, subject, reply, own, tuple(refs)),
        st.integers(0, 5),
        st.sampled_from([b"", b"x", b"y"]),
        st.booleans(),
        st.none() | ids,
        st.lists(ids, max_size=4),
    ),
    max_size=10,
).map(lambda facts: [Threadable(uid, *fact) for uid, fact in enumerate(facts, 1)])


def told(roots: object) -> str:
    """The response."""
    return render(roots, lambda uid: uid).decode("ascii")  # type: ignore[arg-type]


def chain(
    uid: int, own: bytes, *refs: bytes, sent: int = 0, subject: bytes = b"", reply: bool = False
) -> Threadable:
    """A message."""
    return Threadable(uid, sent or uid, subject, reply, own, refs)


class ReferencesTests(SynchronousTestCase):
    """THREAD=REFERENCES."""

    def test_chains(self) -> None:
        """Replies stand below what they answer, also where that is not there."""
        for facts, wanted in (
            ([chain(1, b"a"), chain(2, b"b", b"a"), chain(3, b"c", b"a", b"b")], "(1 2 3)"),
            ([chain(1, b"a"), chain(2, b"b", b"a"), chain(3, b"c", b"a")], "(1 (2)(3))"),
            ([chain(1, b"b", b"a"), chain(2, b"c", b"a")], "((1)(2))"),
            ([chain(1, b"c", b"a", b"b")], "(1)"),
            ([chain(2, b"c", b"a", b"b"), chain(3, b"b", b"a")], "(3 2)"),
            ([chain(1, b"a", b"b"), chain(2, b"b", b"a")], "(2 1)"),
            ([chain(1, b"a"), chain(2, b"a")], "(1)(2)"),
            ([], ""),
        ):
            with self.subTest(wanted=wanted):
                self.assertEqual(told(by_references(facts)), wanted)

    def test_answers_nothing(self) -> None:
        """What others say of a message counts for less than what it says itself, also that it answers nothing."""
        self.assertEqual(
            told(by_references([chain(1, b"c", b"a", b"b"), chain(2, b"b"), chain(3, b"a")])), "(2 1)(3)"
        )

    def test_subjects(self) -> None:
        """Threads of one subject are joined: a reply below the first, others beside each other."""
        self.assertEqual(
            told(by_references([chain(1, b"a", subject=b"x"), chain(2, b"b", subject=b"x", reply=True)])),
            "(1 2)",
        )
        self.assertEqual(
            told(by_references([chain(1, b"a", subject=b"x"), chain(2, b"b", subject=b"x")])), "((1)(2))"
        )
        self.assertEqual(
            told(by_references([chain(1, b"a", subject=b"x", reply=True), chain(2, b"b", subject=b"x")])),
            "(2 1)",
        )

    def test_long_chain(self) -> None:
        """A thread of thousands of messages is told whole."""
        count = 20_000
        facts = [chain(uid, b"%d" % uid, b"%d" % (uid - 1)) for uid in range(1, count + 1)]
        self.assertEqual(told(by_references(facts)).count(" "), count - 1)

    @given(messages)
    def test_all_are_there(self, facts: list[Threadable]) -> None:
        """Whatever messages refer to, loops too, each of them is in one thread, once."""
        for threads in (by_references(facts), by_subject(facts)):
            response = told(threads)
            numbers = response.replace("(", " ").replace(")", " ").split()
            self.assertEqual(sorted(map(int, numbers)), [one.uid for one in facts])
            self.assertEqual(response.count("("), response.count(")"))
            self.assertNotIn("()", response)


class OrderedSubjectTests(SynchronousTestCase):
    """THREAD=ORDEREDSUBJECT."""

    def test_threads(self) -> None:
        """One subject is one thread, in the order of their first messages."""
        facts = [
            chain(1, b"a", subject=b"x", sent=5), chain(2, b"b", subject=b"y", sent=1),
            chain(3, b"c", subject=b"x", sent=3), chain(4, b"d", subject=b"x", sent=4), chain(5, b"e", subject=b"y", sent=9),
        ]  # fmt: skip
        self.assertEqual(told(by_subject(facts)), "(2 5)(3 (4)(1))")


class ReferencesAloneTests(SynchronousTestCase):
    """THREAD=REFS."""

    def test_latest(self) -> None:
        """Subjects do not matter, and the thread with the latest message is the last one."""
        facts = [
            chain(1, b"a", subject=b"x", sent=1), chain(2, b"b", subject=b"x", sent=3),
            chain(3, b"c", b"a", subject=b"x", sent=5), chain(4, b"d", b"z", sent=2), chain(5, b"e", b"z", sent=4),
        ]  # fmt: skip
        self.assertEqual(told(by_references_alone(facts)), "(2)((4)(5))(1 3)")

    @given(messages)
    def test_each_once(self, found: list[Threadable]) -> None:
        """Whatever refers to what, each message is there once, and threads follow their latest messages."""
        roots = by_references_alone(found)
        self.assertEqual(sorted(numbers(roots)), [message.uid for message in found])
        sent = {message.uid: message.sent for message in found}
        latest = [max(sent[uid] for uid in numbers([root])) for root in roots]
        self.assertEqual(latest, sorted(latest))


def numbers(roots: object) -> list[int]:
    """UIDs in threads."""
    return [int(number) for number in told(roots).replace("(", " ").replace(")", " ").split()]
