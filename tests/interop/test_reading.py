"""What went in comes out byte for byte, whoever reads it."""

from __future__ import annotations

import imaplib
import mailbox
import poplib
import re
import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from . import service
from .service import ALICE, PASSWORD, node, run, sent, trust

NUMBER = re.compile(rb"^X-Number: (\d+)", re.M)
TRACE = re.compile(rb"\A(?:(?:Return-Path|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)+")


class ReadingTests(TestCase):
    """Two hundred messages, read by eight programs."""

    skip = service.SKIP
    timeout = 300

    def setUp(self) -> None:
        """The service is up and filled; a place for files."""
        self.sent = sent()
        self.place = Path(tempfile.mkdtemp(prefix="mailframe-client-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def assert_all(self, received: list[bytes], *, line_end: bytes = b"\r\n") -> None:
        """Every message is there once, as it was sent, behind nothing but trace fields."""
        found: dict[int, bytes] = {}
        for octets in received:
            match = NUMBER.search(octets)
            assert match is not None, octets[:400]
            number = int(match[1])
            self.assertNotIn(number, found, "a message came twice")
            found[number] = octets
        self.assertEqual(sorted(found), list(range(len(self.sent))))
        for number, octets in found.items():
            expected = self.sent[number].replace(b"\r\n", line_end)
            self.assertEqual(TRACE.sub(b"", octets)[: len(expected)], expected, f"message {number}")
            self.assertEqual(TRACE.sub(b"", octets), expected, f"message {number}")

    def imap(self, client: imaplib.IMAP4) -> list[bytes]:
        """All of INBOX in windows, as bytes."""
        client.login(ALICE, PASSWORD)
        client.select("INBOX", readonly=True)
        found = []
        for start in range(1, len(self.sent) + 1, 50):
            _, rows = client.fetch(f"{start}:{start + 49}", "(BODY.PEEK[])")
            found += [row[1] for row in rows if isinstance(row, tuple)]
        client.logout()
        return found

    def test_imaplib(self) -> None:
        """Python's imaplib, in clear."""
        self.assert_all(self.imap(imaplib.IMAP4("127.0.0.1", node().ports["imap"])))

    def test_imaplib_over_tls(self) -> None:
        """Python's imaplib, TLS from the start."""
        self.assert_all(self.imap(imaplib.IMAP4_SSL("localhost", node().ports["imaps"], ssl_context=trust())))

    def test_imaplib_starttls(self) -> None:
        """Python's imaplib, TLS after STARTTLS."""
        client = imaplib.IMAP4("localhost", node().ports["imap"])
        client.starttls(trust())
        self.assert_all(self.imap(client))

    def pop3(self, client: poplib.POP3) -> list[bytes]:
        """The whole maildrop."""
        client.user(ALICE)
        client.pass_(PASSWORD)
        count, octets = client.stat()
        found = [
            b"".join(line + b"\r\n" for line in client.retr(number)[1]) for number in range(1, count + 1)
        ]
        self.assertEqual(sum(map(len, found)), octets, "STAT does not count what RETR gives")
        client.quit()
        return found

    def test_poplib(self) -> None:
        """Python's poplib, in clear."""
        self.assert_all(self.pop3(poplib.POP3("127.0.0.1", node().ports["pop3"])))

    def test_poplib_over_tls(self) -> None:
        """Python's poplib, TLS from the start."""
        self.assert_all(self.pop3(poplib.POP3_SSL("localhost", node().ports["pop3s"], context=trust())))

    def test_poplib_stls(self) -> None:
        """Python's poplib, TLS after STLS."""
        client = poplib.POP3("localhost", node().ports["pop3"])
        client.stls(trust())
        self.assert_all(self.pop3(client))

    def curl(self, url: str, *options: str) -> bytes:
        """One transfer."""
        return run(
            "curl", "--silent", "--show-error", "--cacert", str(node().certificate), "--user", f"{ALICE}:{PASSWORD}",
            *options, url,
        )  # fmt: skip

    def test_curl(self) -> None:
        """curl, by IMAP and POP3, with TLS from the start and after STARTTLS."""
        ports, numbers = node().ports, range(1, len(self.sent) + 1)
        for url, options in (
            (f"imap://localhost:{ports['imap']}/INBOX;MAILINDEX=%d", ("--ssl-reqd",)),
            (f"imaps://localhost:{ports['imaps']}/INBOX;MAILINDEX=%d", ()),
            (f"pop3://localhost:{ports['pop3']}/%d", ("--ssl-reqd",)),
            (f"pop3s://localhost:{ports['pop3s']}/%d", ()),
        ):
            found = b""
            for start in range(0, len(numbers), 50):
                wanted = numbers[start : start + 50]
                files = [self.place / f"{number}" for number in wanted]
                pairs = [word for number, file in zip(wanted, files, strict=True)
                         for word in (url % number, "--output", str(file))]  # fmt: skip
                self.curl(pairs[0], *options, *pairs[1:])
            found = [(self.place / f"{number}").read_bytes() for number in numbers]
            self.assert_all(found)

    def test_mbsync(self) -> None:
        """mbsync (isync) copies INBOX into a Maildir."""
        target = self.place / "mail"
        target.mkdir()
        rc = self.place / "mbsyncrc"
        rc.write_text(
            f"IMAPAccount a\nHost localhost\nPort {node().ports['imap']}\nUser {ALICE}\nPass {PASSWORD}\n"
            f"SSLType STARTTLS\nCertificateFile {node().certificate}\nSystemCertificates no\n\n"
            f"IMAPStore far\nAccount a\n\nMaildirStore near\nPath {target}/\nInbox {target}/INBOX\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSync Pull\nSyncState *\n"
        )
        run("mbsync", "-q", "-c", rc, "c")
        files = [file for part in ("new", "cur") for file in (target / "INBOX" / part).iterdir()]
        self.assert_all(
            [re.sub(rb"^X-TUID: .*\n", b"", file.read_bytes(), flags=re.M) for file in files], line_end=b"\n"
        )

    def fetchmail(self, protocol: str, port: int, *options: str) -> None:
        """Fetch everything into files by a delivery program of our own."""
        mda = self.place / "mda"
        mda.write_text(f"#!/bin/sh\ncat > $(mktemp {self.place}/got.XXXXXXXX)\n")
        mda.chmod(0o755)
        rc = self.place / "fetchmailrc"
        rc.write_text(
            f'poll localhost protocol {protocol} port {port}\n user "{ALICE}" password "{PASSWORD}"\n'
            f' mda "{mda}" keep fetchall norewrite pass8bits no mimedecode {" ".join(options)}\n'
        )
        rc.chmod(0o600)
        run(
            "fetchmail", "--fetchmailrc", rc, "--invisible", "--nosyslog", "--pidfile", self.place / "pid",
            "--idfile", self.place / "ids", "--silent", env={"HOME": str(self.place), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        received = [file.read_bytes() for file in self.place.glob("got.*")]
        # fetchmail may end a message with one line more, and puts its own return path first.
        self.assertEqual(len(received), len(self.sent))
        for octets in received:
            number = int(NUMBER.search(octets)[1])
            expected = self.sent[number].replace(b"\r\n", b"\n")
            head, _, body = expected.partition(b"\n\n")
            self.assertIn(body.rstrip(b"\n"), octets, f"message {number}")
            for line in head.split(b"\n"):
                self.assertIn(line, octets, f"message {number}")

    def test_fetchmail_pop3(self) -> None:
        """fetchmail by POP3 over TLS."""
        self.fetchmail(
            "POP3", node().ports["pop3s"], "ssl", "sslcertck", f'sslcertfile "{node().certificate}"'
        )

    def test_fetchmail_imap(self) -> None:
        """fetchmail by IMAP after STARTTLS."""
        self.fetchmail("IMAP", node().ports["imap"], 'sslproto "TLS1.2+"', "sslcertck",
                       f'sslcertfile "{node().certificate}"')  # fmt: skip

    def test_neomutt(self) -> None:
        """neomutt opens INBOX and copies every message into a Maildir of its own."""
        target, rc = self.place / "copy", self.place / "muttrc"
        for part in ("new", "cur", "tmp"):
            (target / part).mkdir(parents=True)
        rc.write_text(
            f'set imap_user="{ALICE}"\nset imap_pass="{PASSWORD}"\nset ssl_force_tls=yes\n'
            f'set certificate_file="{node().certificate}"\nset ssl_verify_host=yes\n'
            f"set mbox_type=Maildir\nset confirmappend=no\nset copy=no\nset quit=yes\nset sleep_time=0\n"
            f'set header_cache=""\nset tmpdir="{self.place}"\nset wait_key=no\nset save_name=no\n'
            f'push "<limit>~A<enter><tag-pattern>~A<enter><tag-prefix><copy-message>{target}<enter><quit>"\n'
        )
        url = f"imap://localhost:{node().ports['imap']}/INBOX"
        command = f"{service.program('neomutt')} -n -F {rc} -f {url}"
        run("script", "-qec", command, "/dev/null", stdin=b"", env={"HOME": str(self.place), "TERM": "vt100",
            "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})  # fmt: skip
        box = mailbox.Maildir(target, create=False)
        self.assertEqual(len(box), len(self.sent))
        for key in box.keys():  # noqa: SIM118
            head, _, body = box.get_bytes(key).partition(b"\n\n")
            number = int(NUMBER.search(head)[1])
            expected = self.sent[number].replace(b"\r\n", b"\n").partition(b"\n\n")
            # neomutt puts fields of its own behind ours.
            kept = re.sub(rb"^(?:Status|Content-Length|Lines): .*\n", b"", head + b"\n", flags=re.M)
            self.assertEqual(TRACE.sub(b"", kept), expected[0] + b"\n", f"message {number}")
            self.assertEqual(body, expected[2], f"message {number}")
