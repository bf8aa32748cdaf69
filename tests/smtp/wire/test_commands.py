"""Command lines and what they mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailframe.message import esmtp
from mailframe.message.address import Address
from mailframe.message.status import ProtocolError
from mailframe.smtp.wire import commands
from mailframe.smtp.wire.commands import parse_command
from mailframe.smtp.wire.leniency import straightened
from mailframe.smtp.wire.parameters import (
    check_parameters,
    parse_any_body,
    parse_body,
    parse_parameters,
)
from mailframe.smtp.wire.reply import basic_code

WORDS = st.sampled_from(
    b'MAIL RCPT EHLO AUTH DATA FROM: TO: < > @ a example.test " SIZE = BODY \\ [ ] \x00 \xff + : ,'.split(
        b" "
    )
    + [b" "] * 3
)
BOB = Address("bob", "example.test")


class ParseTests(SynchronousTestCase):
    """Each command of RFC 5321 and what it carries."""

    def refused(self, line: bytes) -> str:
        """How a line is refused."""
        with self.assertRaises(ProtocolError) as caught:
            parse_command(line)
        status = caught.exception.status
        return f"{basic_code(status)} {status.code}"

    def test_plain_commands(self) -> None:
        """Verbs are known in any case, and white space at the end is passed over."""
        for line, command in (
            (b"data", commands.Data()),
            (b"RsEt", commands.Rset()),
            (b"QUIT  ", commands.Quit()),
            (b"NOOP what ever", commands.Noop()),
            (b"HELP MAIL", commands.Help()),
            (b"STARTTLS", commands.StartTLS()),
            (b"VRFY bob", commands.Vrfy(b"bob")),
            (b"EXPN list", commands.Expn(b"list")),
            (b"VRFY a b SMTPUTF8", commands.Vrfy(b"a b", smtputf8=True)),
            (b"VRFY smtputf8", commands.Vrfy(b"smtputf8")),
            (b"EXPN \xc3\xb6 smtputf8", commands.Expn("ö".encode(), smtputf8=True)),
            (b"BDAT 0 LAST", commands.Bdat(0, last=True)),
            (b"bdat 00012 last", commands.Bdat(12, last=True)),
            (b"BDAT " + b"9" * 20, commands.Bdat(10**20 - 1, last=False)),
        ):
            self.assertEqual(parse_command(line), command)
            self.assertIs(type(parse_command(line)), type(command))

    def test_hello(self) -> None:
        """The name is what follows the verb, and must be there."""
        self.assertEqual(
            parse_command(b"ehlo client.example.test"), commands.Hello("EHLO", "client.example.test")
        )
        self.assertEqual(parse_command(b"HELO [192.0.2.1]"), commands.Hello("HELO", "[192.0.2.1]"))
        self.assertEqual(parse_command(b"LHLO x and more"), commands.Hello("LHLO", "x"))
        for line in (b"EHLO", b"EHLO ", b"EHLO \xc3\xa4", b"EHLO a\x00b", b"EHLO " + b"a" * 256):
            self.assertEqual(self.refused(line), "501 5.5.4")

    def test_mail(self) -> None:
        """MAIL has a reverse-path, which may be null, and parameters."""
        self.assertEqual(parse_command(b"MAIL FROM:<bob@example.test>"), commands.Mail(BOB, {}))
        self.assertEqual(parse_command(b"mail from:<>"), commands.Mail(None, {}))
        self.assertEqual(
            parse_command(b"MAIL FROM:<bob@example.test> size=12 BODY=8BITMIME X"),
            commands.Mail(BOB, {"SIZE": "12", "BODY": "8BITMIME", "X": None}),
        )

    def test_rcpt(self) -> None:
        """RCPT has a forward-path, which may be the bare Postmaster."""
        self.assertEqual(parse_command(b"RCPT TO:<bob@example.test>"), commands.Rcpt(BOB, {}))
        self.assertEqual(parse_command(b"RCPT TO:<Postmaster>"), commands.Rcpt(Address("postmaster", ""), {}))
        self.assertEqual(parse_command(b"RCPT TO:<@a.test,@b.test:bob@example.test>"), commands.Rcpt(BOB, {}))
        self.assertEqual(
            parse_command(b'RCPT TO:<"a b>c"@example.test> X=1'),
            commands.Rcpt(Address("a b>c", "example.test"), {"X": "1"}),
        )

    def test_bad_paths(self) -> None:
        """What is no path is refused with a code for senders or recipients."""
        for line, reply in (
            (b"MAIL", "501 5.5.4"),
            (b"MAIL bob@example.test", "501 5.5.4"),
            (b"MAIL FROM bob@example.test", "501 5.5.4"),
            (b"MAIL FROM:bob@example.test", "501 5.5.4"),
            (b"MAIL FROM: <bob@example.test>", "501 5.5.4"),
            (b"MAIL\tFROM:<bob@example.test>", "500 5.5.2"),
            (b"MAIL FROM:<bob@example.test> SIZE=1\tBODY=7BIT", "501 5.5.4"),
            (b"MAIL FROM:<bob@example.test", "501 5.1.7"),
            (b"MAIL FROM:<bob>", "501 5.1.7"),
            (b"MAIL FROM:<bob@example.test>SIZE=1", "501 5.5.4"),
            (b"RCPT TO:<>", "501 5.1.3"),
            (b"RCPT TO:<bob@>", "501 5.1.3"),
            (b"RCPT FROM:<bob@example.test>", "501 5.5.4"),
            (b"RCPT TO:<b\xffb@example.test>", "501 5.1.3"),
            (b"MAIL FROM:<b\xc3\xb6b@example.test>", "550 5.6.7"),
        ):
            self.assertEqual((line, self.refused(line)), (line, reply))

    def test_unknown(self) -> None:
        """Unknown words are 500, known words of others 502, superfluous arguments 501."""
        for line, reply in (
            (b"", "500 5.5.2"),
            (b"FOO", "500 5.5.2"),
            (b" NOOP", "500 5.5.2"),
            (b"ETRN example.test", "502 5.5.1"),
            (b"TURN", "502 5.5.1"),
            (b"DATA now", "501 5.5.4"),
            (b"QUIT please", "501 5.5.4"),
            (b"VRFY", "501 5.5.4"),
            (b"VRFY b\xc3\xb6b", "553 5.6.7"),
            (b"AUTH", "501 5.5.4"),
            (b"AUTH PLAIN a b", "501 5.5.4"),
        ):
            self.assertEqual((line, self.refused(line)), (line, reply))

    def test_bdat(self) -> None:
        """A BDAT that does not say how many octets follow ends the connection: they might be taken for commands."""
        for line in (
            b"BDAT",
            b"BDAT x",
            b"BDAT -1",
            b"BDAT +1",
            b"BDAT 1 FIRST",
            b"BDAT LAST",
            b"BDAT " + b"1" * 21,
        ):
            with self.assertRaises(ProtocolError) as caught:
                parse_command(line)
            self.assertTrue(caught.exception.fatal)
            self.assertEqual(basic_code(caught.exception.status), 501)

    def test_forgiven(self) -> None:
        """Each leniency has its own name, and forgives nothing else."""
        for forgiven, line, meant in (
            ("bare-path", b"MAIL FROM:bob@example.test SIZE=1", commands.Mail(BOB, {"SIZE": "1"})),
            ("bare-path", b'RCPT TO:"b o"@example.test', commands.Rcpt(Address("b o", "example.test"), {})),
            ("space-before-path", b"mail from:  <bob@example.test>", commands.Mail(BOB, {})),
            ("space-before-path", b"RCPT TO: <bob@example.test> X", commands.Rcpt(BOB, {"X": None})),
            ("tab", b"HELO\tx", commands.Hello("HELO", "x")),
            ("tab", b"MAIL\tFROM:<bob@example.test>\tSIZE=1", commands.Mail(BOB, {"SIZE": "1"})),
        ):
            for name in ("bare-path", "space-before-path", "tab"):
                if name == forgiven:
                    self.assertEqual(parse_command(straightened(line, frozenset({name}))), meant)
                else:
                    self.assertEqual(straightened(line, frozenset({name})), line)
            self.refused(line)
        both = frozenset({"bare-path", "space-before-path"})
        self.assertEqual(
            parse_command(straightened(b"MAIL FROM: bob@example.test", both)), commands.Mail(BOB, {})
        )
        self.assertEqual(straightened(b"MAIL FROM: ", both), b"MAIL FROM:")

    @given(st.lists(WORDS, max_size=12).map(b"".join) | st.binary())
    def test_forgiven_octets(self, line: bytes) -> None:
        """Whatever a lenient listener reads, it is a command or refused."""
        line = straightened(line, frozenset({"bare-path", "space-before-path", "tab"}))
        try:
            parse_command(line)
        except ProtocolError as error:
            self.assertTrue(error.status.permanent)

    def test_browser(self) -> None:
        """What a browser is made to send ends the connection."""
        with self.assertRaises(ProtocolError) as caught:
            parse_command(b"POST / HTTP/1.1")
        self.assertTrue(caught.exception.fatal)

    def test_auth_keeps_its_secret(self) -> None:
        """An initial response does not show when the command is printed."""
        command = parse_command(b"AUTH plain AGJvYgBzZWNyZXQ=")
        self.assertEqual(command, commands.Auth("PLAIN", b"AGJvYgBzZWNyZXQ="))
        self.assertNotIn("AGJv", repr(command))

    @given(st.lists(WORDS, max_size=12).map(b"".join) | st.binary())
    def test_any_octets(self, line: bytes) -> None:
        """Whatever a line holds, it is a command or refused."""
        try:
            parse_command(line)
        except ProtocolError as error:
            self.assertTrue(error.status.permanent)


class ParametersTests(SynchronousTestCase):
    """Parameters of MAIL and RCPT."""

    @given(
        st.dictionaries(
            st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,10}", fullmatch=True),
            st.none()
            | st.text(
                st.characters(min_codepoint=33, exclude_characters="=\x7f", exclude_categories=["Cs"]),
                min_size=1,
            ),
        )
    )
    def test_round_trip(self, parameters: dict[str, str | None]) -> None:
        """What is written is read."""
        line = "".join(
            f" {key}" + (f"={value}" if value is not None else "") for key, value in parameters.items()
        )
        self.assertEqual(parse_parameters(line.encode()), parameters)

    def test_refused(self) -> None:
        """Bad grammar and repeated keywords are refused."""
        for octets in (b"X", b" =1", b" -X", b" X=", b" X=a=b", b" X X", b" X=1 x=2", b" \xff", b" X=\x01"):
            self.assertRaises(ProtocolError, parse_parameters, octets)

    def test_values(self) -> None:
        """Values of SIZE, BODY and AUTH are checked."""
        known = {"SIZE": esmtp.parse_size, "BODY": parse_body, "AUTH": esmtp.parse_auth}
        check_parameters({"BODY": "binarymime"}, {"BODY": parse_any_body})
        self.assertRaises(ProtocolError, check_parameters, {"BODY": "9BIT"}, {"BODY": parse_any_body})
        check_parameters({"SIZE": "0", "BODY": "7bit", "AUTH": "<>"}, known)
        check_parameters(
            {"SIZE": "12345678901234567890", "BODY": "8BITMIME", "AUTH": "e+3Dmc2@example.test"}, known
        )
        for key, value in (
            ("SIZE", None),
            ("SIZE", "-1"),
            ("SIZE", "1" * 21),
            ("SIZE", "٣"),
            ("BODY", None),
            ("BODY", "BINARYMIME"),
            ("AUTH", None),
            ("AUTH", "a+"),
            ("AUTH", "a+3d"),
            ("AUTH", "a+3"),
        ):
            with self.subTest(key=key, value=value):
                with self.assertRaises(ProtocolError) as caught:
                    check_parameters({key: value}, known)
                self.assertEqual(basic_code(caught.exception.status), 501)
        with self.assertRaises(ProtocolError) as caught:
            check_parameters({"SMTPUTF8": None}, known)
        self.assertEqual(basic_code(caught.exception.status), 555)
