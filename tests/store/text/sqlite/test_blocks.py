from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.text.interfaces import InBody, InField, InHeader, MessageText, SentOn, Wanted
from mailframe.store.text.sqlite.blocks import Directory, block_of, compiled, joined
from mailframe.testing.text_index import says

WORDS = st.text(st.sampled_from("ab: \n\xff\ud800é\N{SNOWMAN}"), max_size=6)
NAMES = st.sampled_from(["a", "b", "subject", "a-b"])
TEXTS = st.lists(
    st.tuples(
        st.lists(st.tuples(NAMES, WORDS), max_size=3), WORDS, st.none() | st.integers(1, 5), st.booleans()
    ),
    max_size=6,
).map(lambda many: [MessageText(3 * number + 1, *each) for number, each in enumerate(many)])
WANTED: st.SearchStrategy[Wanted] = st.one_of(
    st.builds(InField, NAMES, WORDS),
    st.builds(InHeader, WORDS.filter(bool)),
    st.builds(InBody, WORDS),
    st.builds(SentOn, st.none() | st.integers(0, 6), st.none() | st.integers(0, 6)),
)


class BlockTests(SynchronousTestCase):
    @given(TEXTS, WANTED)
    def test_exact(self, texts: list[MessageText], wanted: Wanted) -> None:
        """A block answers for each message what its text says, whatever is in the text and the question."""
        block = block_of(texts)
        octets = block.bodies if isinstance(wanted, InBody) else block.headers
        found = compiled(wanted)(block.directory, octets)
        self.assertEqual(found, [number for number, each in enumerate(texts) if says(each, wanted)])

    @given(TEXTS, TEXTS, st.sets(st.integers(1, 40)))
    def test_joined(self, some: list[MessageText], others: list[MessageText], alive: set[int]) -> None:
        """Blocks can be put together, and messages left out, as if they had been made so."""
        last = some[-1].uid if some else 0
        others = [
            MessageText(last + each.uid, each.fields, each.body, each.sent, each.whole) for each in others
        ]
        blocks = [block_of(some), block_of(others)]
        self.assertEqual(joined(blocks), block_of(some + others))
        self.assertEqual(
            joined(blocks, alive), block_of([each for each in some + others if each.uid in alive])
        )

    @given(TEXTS)
    def test_directory(self, texts: list[MessageText]) -> None:
        """A directory is read as it was written."""
        directory = block_of(texts).directory
        self.assertEqual(Directory.unpack(directory.pack()), directory)

    def test_backwards(self) -> None:
        """A directory whose ends go back would be looked through for ever: it is refused."""
        texts = [MessageText(uid, [("a", "b")], "b", None) for uid in (1, 2, 3)]
        for each in ("uids", "header_ends", "body_ends"):
            directory = block_of(texts).directory
            getattr(directory, each)[1] = 0
            self.assertRaises(ValueError, Directory.unpack, directory.pack())

    @given(st.binary(max_size=60))
    def test_damaged(self, octets: bytes) -> None:
        """Octets that are no directory are refused, and nothing worse."""
        try:
            self.assertEqual(Directory.unpack(octets).pack(), octets)
        except ValueError:
            pass
