"""Log events as lines."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message.address import Address
from mailframe.monitor.lines import FIELDS, LONGEST_VALUE, json_line, printable, readable_line, room_of

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
texts = st.text(max_size=40) | st.text(alphabet=LINE_ENDS + "\0\x1b\u202e\ud800a\"\\ ='", max_size=20)
values = st.one_of(
    texts,
    st.binary(max_size=20),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.lists(texts, max_size=3),
    st.dictionaries(texts, texts, max_size=2),
)


def event(template: str = "hello", **fields: Any) -> dict[str, Any]:
    """As a logger makes it."""
    return {
        "log_level": LogLevel.info,
        "log_namespace": "mailframe.smtp.session",
        "log_format": template,
        "log_time": 1795360436.1234,
        **fields,
    }


class BadText:
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


class LinesTests(SynchronousTestCase):
    """Both forms."""

    def test_json(self) -> None:
        """Keys come in a fixed order, whatever order they were given in."""
        line = json_line(
            event("took {size} octets", zebra=1, size=5, peer="192.0.2.1", queue_id="Q", ant=None)
        )
        self.assertEqual(
            '{"time":"2026-11-22T15:13:56.123Z","level":"info","room":"smtp","message":"took 5 octets",'
            '"queue_id":"Q","peer":"192.0.2.1","size":5,"ant":null,"zebra":1}\n',
            line,
        )

    def test_readable(self) -> None:
        """What the message says already is not said again; odd values are quoted."""
        line = readable_line(event("from {peer}", peer="192.0.2.1", size=5, login="a b", reverse_path=""))
        self.assertEqual(
            "2026-11-22T15:13:56.123Z info     smtp      from 192.0.2.1 login='a b' reverse_path='' size=5\n",
            line,
        )

    def test_nothing_to_say(self) -> None:
        """What is not there is left out for people, and null for programs; zero, false and no text are said."""
        fields = {"login": None, "refused": [], "forwarded": {}, "size": 0, "done": False, "reverse_path": ""}
        self.assertTrue(
            readable_line(event("x", **fields)).endswith(" x reverse_path='' size=0 done=False\n")
        )
        said = json.loads(json_line(event("x", **fields)))
        self.assertEqual(fields, {name: said[name] for name in fields})

    def test_names_and_values(self) -> None:
        """A field of names and values is an object for programs."""
        fields = event("x", forwarded={"addr": b"192.0.2.1", 5: [None]})
        self.assertEqual({"addr": "192.0.2.1", "5": [None]}, json.loads(json_line(fields))["forwarded"])
        self.assertIn("""forwarded={'addr': '192.0.2.1', '5': [None]}""", readable_line(fields))

    @given(texts, st.dictionaries(st.sampled_from([*FIELDS, "other", "reason"]), values), texts)
    def test_one_line(self, template: str, fields: dict[str, Any], namespace: str) -> None:
        """Whatever a peer says, it stays one line, is valid JSON, and shows no control character."""
        logged = event("{log_text}", log_text=template, **fields)
        logged["log_namespace"] = namespace
        line = json_line(logged)
        self.assertEqual([line[:-1]], line.splitlines())
        self.assertTrue(line.isascii())
        record = json.loads(line, parse_constant=self.fail)
        self.assertEqual(template, record["message"])
        self.assertLessEqual(set(fields), set(record))
        line = readable_line(logged)
        self.assertEqual([line[:-1]], line.splitlines())
        self.assertTrue(line[:-1].isprintable())
        line.encode("utf-8")

    @given(texts, values)
    def test_any_format(self, template: str, value: Any) -> None:
        """Even a format that is none gives one line."""
        for logged in (
            event(template, reason=value),
            event("{" + template + "}", reason=value),
            event("{reason:d}"),
        ):
            self.assertEqual(1, len(json_line(logged).splitlines()))
            self.assertEqual(1, len(readable_line(logged).splitlines()))

    def test_broken_events(self) -> None:
        """An event without level, time, name or format is still a line; so is a value that cannot be written."""
        for logged in (
            {},
            {"log_format": None},
            {"log_time": float("inf")},
            {"log_time": "x"},
            event("{x}", x=BadText()),
        ):
            self.assertEqual(1, len(json_line(logged).splitlines()))
            self.assertEqual(1, len(readable_line(logged).splitlines()))

    def test_values(self) -> None:
        """Octets, addresses and lists are shown as people write them; no number that JSON has not."""
        address = Address("alice", "example.test")
        line = json_line(event(a=b"x\xff", b=address, c=("y", b"z"), d=float("nan"), e=True, f=10**400))
        self.assertEqual(
            {"a": "x\\xff", "b": "alice@example.test", "c": ["y", "z"], "d": "nan", "e": True, "f": 10**400},
            {name: value for name, value in json.loads(line).items() if len(name) == 1},
        )

    def test_long_values_are_cut(self) -> None:
        """A megabyte from a peer does not become a megabyte of log."""
        long = event("{reason}", reason="x" * 10**6, many=["y" * 10**6] * 1000)
        self.assertLess(len(json_line(long)), 120 * LONGEST_VALUE)
        self.assertLess(len(readable_line(long)), 120 * LONGEST_VALUE)

    def test_own_keys(self) -> None:
        """A field does not take the place of ours."""
        record = json.loads(json_line(event(level="x", room="y", traceback="z", time="t", message="m")))
        self.assertEqual(("info", "smtp", "hello"), (record["level"], record["room"], record["message"]))
        self.assertNotIn("traceback", record)

    def test_failure(self) -> None:
        """A traceback is a field; for people it follows in lines that cannot be taken for others."""
        try:
            raise ValueError("evil\n2026-11-22T15:13:56.123Z info     smtp      forged")
        except ValueError:
            failure = Failure()
        logged = event("it broke", log_failure=failure)
        record = json.loads(json_line(logged))
        self.assertIn("ValueError", record["traceback"])
        self.assertEqual(1, len(json_line(logged).splitlines()))
        first, *rest = readable_line(logged).splitlines()
        self.assertIn("it broke", first)
        self.assertTrue(rest)
        for line in rest:
            self.assertTrue(line.startswith("  | "))

    def test_rooms(self) -> None:
        """A namespace of ours is named by its room."""
        self.assertEqual("smtp", room_of("mailframe.smtp.session.Session"))
        self.assertEqual("mailframe", room_of("mailframe"))
        self.assertEqual("twisted", room_of("twisted.internet.tcp"))
        self.assertEqual("?", room_of(None))
        self.assertEqual("a\\nb", room_of("a\nb"))

    @given(texts)
    def test_printable(self, text: str) -> None:
        """What is printable stays as it is; the rest can be read."""
        shown = printable(text)
        self.assertTrue(shown.isprintable())
        if text.isprintable():
            self.assertEqual(text, shown)
