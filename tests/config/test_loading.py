"""Tests of reading a configuration."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.errors import ConfigurationErrors
from mailframe.config.loading import load, load_node, loads
from mailframe.config.schema import Configuration

from .plugins import Limits, only_these_plugins

BAD = Path(__file__).parent / "bad"


class LoadingTests(SynchronousTestCase):
    """A right configuration comes out complete."""

    def setUp(self) -> None:
        """Only the plugins of these tests."""
        only_these_plugins(self)

    def read(self, text: str, **arguments: object) -> Configuration:
        """A configuration from a text, as if it were ``/srv/mail/mailframe.toml``."""
        return loads(text.encode(), "/srv/mail/mailframe.toml", **arguments)  # type: ignore[arg-type]

    def problems(self, text: str, **arguments: object) -> list[str]:
        """What is wrong with a text."""
        errors = self.assertRaises(ConfigurationErrors, self.read, text, **arguments)
        return [str(problem) for problem in errors.problems]

    def test_defaults(self) -> None:
        """What the file does not say has its default, and paths are absolute."""
        configuration = self.read('node.roles = ["mx"]')
        self.assertEqual("/srv/mail/data", configuration.node.data)
        self.assertEqual("/srv/mail/data/control", configuration.node.control)
        self.assertGreaterEqual(configuration.node.workers, 1)
        self.assertEqual(600.0, configuration.node.drain_time)
        self.assertEqual("maildir", configuration.store.name)
        self.assertEqual("/srv/mail/data/mail", configuration.store.options.path)
        self.assertEqual("/srv/mail/data/directory.sqlite", configuration.directory.options.path)
        self.assertEqual(["mx"], list(configuration.roles))
        self.assertEqual(["loops"], list(configuration.policies))
        self.assertEqual(["trace"], list(configuration.filters))
        self.assertEqual(100, configuration.policies["loops"].options.limit)

    def test_values(self) -> None:
        """Durations become seconds, sizes octets; tables inside sections start from the section's default."""
        configuration = self.read(
            """
            [node]
            roles = ["store", "mx"]
            data = "/var/mail"
            drain_time = "1h 30m"
            status = ""
            control = "run/control"
            [role.mx]
            timeout = "500ms"
            timeout_ = 0
            """.replace("timeout_ = 0", "").replace("500ms", "90 s")
            + """
            share = 1
            mode = "normalise"
            networks = ["192.0.2.0/24", "2001:db8::1"]
            postmaster = "Postmaster@Example.TEST"
            names = { a = 1, "b c" = 2 }
            secret = "s"
            limits.size = "1 MiB"
            [store]
            backend = "maildir"
            maildir.path = "boxes"
            """
        )
        mx = configuration.roles["mx"].options
        self.assertEqual(5400.0, configuration.node.drain_time)
        self.assertIs(None, configuration.node.status)
        self.assertEqual("/srv/mail/run/control", configuration.node.control)
        self.assertEqual("/var/mail/boxes", configuration.store.options.path)
        self.assertEqual(90.0, mx.timeout)
        self.assertEqual(1.0, mx.share)
        self.assertIsInstance(mx.share, float)
        self.assertEqual(("192.0.2.0/24", "2001:db8::1/128"), mx.networks)
        self.assertEqual("Postmaster@example.test", str(mx.postmaster))
        self.assertEqual({"a": 1, "b c": 2}, mx.names)
        self.assertEqual(Limits(recipients=7, size=1 << 20), mx.limits)
        self.assertEqual(["store", "mx"], list(configuration.roles))

    def test_roles_given(self) -> None:
        """Roles of the command line take the place of those in the file."""
        configuration = self.read('node.roles = ["mx"]', roles=["store"])
        self.assertEqual(["store"], list(configuration.roles))
        self.assertEqual(["store"], configuration.node.roles)
        self.assertEqual({}, configuration.policies)

    def test_unknown_role_given(self) -> None:
        """A misspelt role of the command line is told with what was meant."""
        self.assertEqual(
            ['--role: no role plugin is called "stor"; did you mean "store"?'],
            self.problems('node.roles = ["mx"]', roles=["stor"]),
        )

    def test_no_roles(self) -> None:
        """A node without any role is a mistake."""
        self.assertEqual(
            ["/srv/mail/mailframe.toml:1: [node] roles: expected at least one role"],
            self.problems("node.roles = []"),
        )

    def test_built(self) -> None:
        """A choice builds with its own options."""
        configuration = self.read('node.roles = ["mx"]')
        options, context = configuration.store.build("context")
        self.assertIs(configuration.store.options, options)
        self.assertEqual("context", context)

    def test_unix_listeners(self) -> None:
        """The path of a socket counts from the file's directory, wherever the service runs."""
        configuration = self.read('node.roles = ["store"]\nrole.store.imap = ["unix:run/imap:mode=660"]')
        self.assertEqual(["unix:/srv/mail/run/imap:mode=660"], configuration.roles["store"].options.imap)

    def test_secret_files(self) -> None:
        """A secret comes from a file, without the line end."""
        directory = os.path.abspath(self.mktemp())
        os.mkdir(directory)
        Path(directory, "secret").write_text("hush\n")
        path = Path(directory, "mailframe.toml")
        path.write_text('node.roles = ["store"]\npolicy.token.token_file = "secret"\n')
        configuration = load(str(path))
        self.assertEqual("hush", configuration.policies["token"].options.token)

    def test_byte_order_mark(self) -> None:
        """What a Windows editor puts in front does no harm."""
        self.read('\ufeffnode.roles = ["mx"]\r\n')

    def test_no_file(self) -> None:
        """A file that is not there is told with how to make one."""
        errors = self.assertRaises(ConfigurationErrors, load, "/nowhere/mailframe.toml")
        self.assertEqual(
            "/nowhere/mailframe.toml: cannot be read: No such file or directory; `mailframe init` writes a first one",
            str(errors),
        )
        self.assertRaises(ConfigurationErrors, load, "with\0nul")

    def test_node_alone(self) -> None:
        """The running node is found even while other sections are wrong."""
        path = os.path.abspath(self.mktemp())
        Path(path).write_text('[node]\ndata = "d"\n[log]\nlevel = 1\n')
        self.assertEqual(os.path.join(os.path.dirname(path), "d", "control"), load_node(path).control)
        Path(path).write_text("[node]\ndata = 1\n")
        self.assertRaises(ConfigurationErrors, load_node, path)


class BadFileTests(SynchronousTestCase):
    """Every file in ``bad`` is answered with the text beside it."""

    def setUp(self) -> None:
        """Only the plugins of these tests."""
        only_these_plugins(self)


def _bad_file_test(path: Path) -> None:
    def test(self: BadFileTests) -> None:
        errors = self.assertRaises(ConfigurationErrors, loads, path.read_bytes(), path.name)
        told = str(errors).replace(os.getcwd(), ".") + "\n"
        expected = path.with_suffix(".txt")
        if os.environ.get("MAILFRAME_WRITE_EXPECTED"):
            expected.write_text(told)
        self.assertEqual(expected.read_text(), told)

    test.__doc__ = f"``{path.name}`` is told fault by fault."
    setattr(BadFileTests, f"test_{path.stem}", test)


for _path in sorted(BAD.glob("*.toml")):
    _bad_file_test(_path)


HUGE = "0x" + "f" * 5000
"""Written without quotes: a number that no machine has room for."""
_keys = st.sampled_from(
    [
        "node",
        "log",
        "tls",
        "store",
        "role",
        "mx",
        "policy",
        "loops",
        "backend",
        "maildir",
        "listen",
        "limits",
        "hostname",
        "workers",
        "roles",
        "data",
        "certificates",
        "secret_file",
        "names",
        "even",
        "timeout",
    ]
) | st.text(max_size=4)
_scalars = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["mx", "5m", "25 MB", "tcp:25", "ssl:993", "unix:x", "loops", HUGE])
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


def to_toml(value: object) -> str:
    """A value as inline TOML; enough for these tests."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_toml(str(key))} = {to_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value != HUGE:
        escaped = "".join(
            character if character.isalnum() or character in " :=/.-_@" else f"\\U{ord(character):08X}"
            for character in value
        )
        return f'"{escaped}"'
    return str(value)


class AnythingTests(SynchronousTestCase):
    """Whatever is in the file, it is read or its faults are told."""

    def setUp(self) -> None:
        """Only the plugins of these tests."""
        only_these_plugins(self)

    def check(self, content: bytes) -> None:
        """Read; nothing but errors with texts may come."""
        try:
            configuration = loads(content, "/srv/mail/mailframe.toml")
        except ConfigurationErrors as errors:
            self.assertTrue(errors.problems)
            self.assertTrue(all(problem.text for problem in errors.problems))
        else:
            self.assertIsInstance(configuration, Configuration)

    @given(st.binary(max_size=200))
    def test_octets(self, content: bytes) -> None:
        """Any octets at all."""
        self.check(content)

    @given(st.text(alphabet="[]{}=\".',\n#ab1-_ \\", max_size=80))
    def test_punctuation(self, text: str) -> None:
        """Anything that looks a little like TOML."""
        self.check(text.encode())

    @settings(max_examples=150)
    @given(st.dictionaries(_keys, _values, max_size=6))
    def test_tables(self, tables: dict[str, object]) -> None:
        """Any values in any sections."""
        text = "\n".join(f"{to_toml(key)} = {to_toml(value)}" for key, value in tables.items())
        self.check(text.encode("utf-8", "surrogatepass"))

    def test_depth(self) -> None:
        """A file that is nested without end is told so, in time."""
        self.check(b"a = " + b"[" * 100_000)
        self.check(b"a = " + b"[" * 300 + b"]" * 300)
        self.check(b"a = " + b"{a = " * 300 + b"1" + b"}" * 300)
