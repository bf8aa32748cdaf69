"""Tests of finding lines in TOML."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.positions import find_positions

from .test_loading import to_toml

TEXT = '''\
top = 1
[a.b]   # a comment with [brackets]
x.y = "one # no comment"
list = [
    1, # first
    { in = "]" , "q\\u0065" = [2,
       3] },
]
text = """
[not.a.table]
z = 9""""
raw = \'\'\'
y = "\'\'\'
after = 1979-05-27T07:32:00Z
[["a".items]]
n = 1
[[a.items]]
n = 2
[a.items.sub]
deep = {}
[[a.items.more]]
k = 'v'
'''


class PositionTests(SynchronousTestCase):
    """Each key's line is known."""

    def test_forms(self) -> None:
        """Keys, headers and elements in all the forms that TOML has."""
        positions = find_positions(TEXT)
        for path, line in (
            (("top",), 1),
            (("a",), 2),
            (("a", "b"), 2),
            (("a", "b", "x"), 3),
            (("a", "b", "x", "y"), 3),
            (("a", "b", "list"), 4),
            (("a", "b", "list", 0), 5),
            (("a", "b", "list", 1), 6),
            (("a", "b", "list", 1, "in"), 6),
            (("a", "b", "list", 1, "qe"), 6),
            (("a", "b", "list", 1, "qe", 1), 7),
            (("a", "b", "text"), 9),
            (("a", "b", "raw"), 12),
            (("a", "b", "after"), 14),
            (("a", "items", 0, "n"), 16),
            (("a", "items", 1), 17),
            (("a", "items", 1, "n"), 18),
            (("a", "items", 1, "sub", "deep"), 20),
            (("a", "items", 1, "more", 0, "k"), 22),
        ):
            self.assertEqual(line, positions.line(path), path)

    def test_nearest(self) -> None:
        """What is not there has the line of what is around it, if that is wanted."""
        positions = find_positions(TEXT)
        self.assertEqual(2, positions.line(("a", "b", "missing", "key")))
        self.assertEqual(0, positions.line(("missing",)))
        self.assertEqual(0, positions.line(("a", "missing"), 2))

    def test_line_ends(self) -> None:
        """Windows' line ends count as one line each."""
        self.assertEqual(3, find_positions("a = 1\r\n\r\nb = '''\r\n'''\r\n").line(("b",)))

    @given(st.text(alphabet="[]{}=\".',\n#ab1-_ \\", max_size=80))
    def test_anything(self, text: str) -> None:
        """A text that is no TOML does no harm."""
        find_positions(text)

    @given(
        st.dictionaries(
            st.text(min_size=1, max_size=5),
            st.recursive(
                st.integers() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=6,
        )
    )
    def test_complete(self, tables: dict[str, object]) -> None:
        """Whatever tomllib gives, the line of each key is the one it was written on."""
        lines = [f"{to_toml(key)} = {to_toml(value)}" for key, value in tables.items()]
        text = "\n# comment\n".join(lines)
        self.assertEqual(tables, tomllib.loads(text))
        positions = find_positions(text)
        for number, (key, value) in enumerate(tables.items()):
            for path in _paths((key,), value):
                self.assertEqual(2 * number + 1, positions.line(path, len(path)), (path, text))


def _paths(path: tuple[str | int, ...], value: object) -> list[tuple[str | int, ...]]:
    """A value's path and all inside it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in _paths((*path, key), item))]
