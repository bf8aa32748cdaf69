"""Queries with named parameters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.directory.mapped.parameters import check_parameters, names_in, to_psycopg

_plain = st.sampled_from(
    ["SELECT ", "x::text ", "'a:b' ", '"c:d" ', "$$ :e $$ ", "$f$ :g $f$ ", "-- :h\n", "/* :i */ ", "% "]
)
_named = st.sampled_from([":address ", ":local ", "(:domain) ", "=:address "])


class ParametersTests(SynchronousTestCase):
    """What is one, and what only looks like one."""

    @given(st.lists(st.one_of(_plain, _named)))
    def test_found(self, pieces: list[str]) -> None:
        """Parameters are found among strings, names, comments and casts, and nothing else is."""
        wanted = {
            name
            for name in ("address", "local", "domain")
            if any(f":{name} " in p.replace(")", "") for p in pieces)
        }
        self.assertEqual(wanted, names_in("".join(pieces)))

    @given(st.lists(st.one_of(_plain, _named)))
    def test_psycopg(self, pieces: list[str]) -> None:
        """As psycopg writes it the query is the same once the values are there."""
        query = "".join(pieces)
        names = {"address", "local", "domain"}
        written = to_psycopg(query) % {name: f":{name}" for name in names}
        self.assertEqual(query, written)

    def test_unknown(self) -> None:
        """A parameter that there is not is told by name, with those that there are."""
        check_parameters("x", "SELECT :a", ["a"])
        error = self.assertRaises(
            ValueError, check_parameters, "alias_query", "SELECT :adress", ["address", "local"]
        )
        self.assertEqual("alias_query: there is no parameter :adress; expected :address, :local", str(error))
