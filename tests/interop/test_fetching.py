"""getmail, mpop and fetchmail take mail home, by IMAP and POP3, and take each message once."""

from __future__ import annotations

import mailbox
import os
from pathlib import Path

from .outside import ClientCase, letter, name_of
from .service import PASSWORD, node, run


class FetchingCase(ClientCase):
    """Mail on the server, and a Maildir at home."""

    def setUp(self) -> None:
        """The Maildir is empty, three messages wait."""
        super().setUp()
        self.home = self.place / "home"
        for part in ("new", "cur", "tmp"):
            (self.home / part).mkdir(parents=True)
        self.fill("INBOX", "one", "two", "three")

    def environment(self) -> dict[str, str]:
        """Nobody's own settings are used."""
        return {"HOME": str(self.place), "PATH": os.environ["PATH"] + ":/usr/bin:/bin", "LC_ALL": "C.UTF-8"}

    def configured(self, name: str, text: str) -> Path:
        """A file of settings that nobody else reads."""
        file = self.place / name
        file.write_text(text)
        file.chmod(0o600)
        return file

    def mda(self) -> Path:
        """A program that puts its input into the Maildir: not every client writes one as root."""
        mda = self.place / "mda"
        mda.write_text(f"#!/bin/sh\ncat > $(mktemp {self.home}/new/got.XXXXXXXX)\n")
        mda.chmod(0o755)
        return mda

    def assert_home(self, *names: str) -> None:
        """Just these are at home, each once, with the text as it was sent."""
        found = {}
        box = mailbox.Maildir(self.home, create=False)
        for key in box.keys():  # noqa: SIM118
            octets = box.get_bytes(key)
            self.assertNotIn(name_of(octets), found, "a message came twice")
            found[name_of(octets)] = octets.replace(b"\r\n", b"\n")
        self.assertEqual(set(found), set(names))
        for name, octets in found.items():
            head, _, body = letter(name).replace(b"\r\n", b"\n").partition(b"\n\n")
            self.assertEqual(octets.partition(b"\n\n")[2].rstrip(b"\n"), body.rstrip(b"\n"))
            self.assertIn(head, octets)


class GetmailTests(FetchingCase):
    """getmail6."""

    account = "getmail@example.test"

    def getmail(self, protocol: str, *options: str) -> None:
        """One run."""
        rc = self.configured(
            f"getmailrc-{protocol}",
            f"[retriever]\ntype = Simple{protocol}SSLRetriever\nserver = localhost\nusername = {self.account}\n"
            f"port = {node().ports[protocol.lower() + 's']}\npassword = {PASSWORD}\nca_certs = {node().certificate}\n"
            f"[destination]\ntype = MDA_external\npath = {self.mda()}\nallow_root_commands = true\n"
            "[options]\nread_all = false\ndelivered_to = false\nreceived = false\nverbose = 0\n",
        )
        run("getmail", "--getmaildir", self.place, "--rcfile", rc, *options, env=self.environment())

    def twice(self, protocol: str) -> None:
        """What was taken stays on the server and is not taken again."""
        self.getmail(protocol)
        self.assert_home("one", "two", "three")
        self.getmail(protocol)
        self.assert_home("one", "two", "three")
        self.fill("INBOX", "four")
        self.getmail(protocol)
        self.assert_home("one", "two", "three", "four")
        self.assertEqual(set(self.flags("INBOX")), {"one", "two", "three", "four"})
        for file in (self.home / "new").iterdir():
            file.unlink()
        self.getmail(protocol, "--all", "--delete")
        self.assert_home("one", "two", "three", "four")
        self.assertEqual(self.rows("INBOX"), [])

    def test_pop3(self) -> None:
        """By POP3 it remembers UIDLs."""
        self.twice("POP3")

    def test_imap(self) -> None:
        """By IMAP it remembers UIDVALIDITY and UIDs."""
        self.twice("IMAP")


class MpopTests(FetchingCase):
    """mpop."""

    account = "mpop@example.test"

    def mpop(self, port: str, *options: str) -> None:
        """One run."""
        rc = self.configured(
            "mpoprc",
            f"defaults\ntls on\ntls_trust_file {node().certificate}\ntls_starttls {'on' if port == 'pop3' else 'off'}\n"
            f"account a\nhost localhost\nport {node().ports[port]}\nuser {self.account}\npassword {PASSWORD}\n"
            f"delivery maildir {self.home}\nuidls_file {self.place}/uidls\nreceived_header off\n",
        )
        run("mpop", f"--file={rc}", "--quiet", *options, "a", env=self.environment())

    def test_keep(self) -> None:
        """Kept on the server, messages are told apart by their UIDL: also after others are gone or new."""
        self.mpop("pop3s", "--keep=on")
        self.assert_home("one", "two", "three")
        self.outside.select("INBOX")
        self.outside.store("2", "+FLAGS", "(\\Deleted)")
        self.outside.expunge()
        self.outside.unselect()
        self.fill("INBOX", "four")
        self.mpop("pop3", "--keep=on")
        self.assert_home("one", "two", "three", "four")
        self.assert_letters("INBOX", "one", "three", "four")

    def test_take(self) -> None:
        """Taken messages are gone from the server; pipelined and not."""
        for pipelining in ("on", "off"):
            self.mpop("pop3s", "--keep=off", f"--pipelining={pipelining}")
            self.assert_home("one", "two", "three")
            self.assertEqual(self.rows("INBOX"), [])
            for file in (self.home / "new").iterdir():
                file.unlink()
            self.fill("INBOX", "one", "two", "three")

    def test_large_are_left(self) -> None:
        """What it kills or skips by headers (TOP) is as it says."""
        self.mpop("pop3s", "--keep=on", "--killsize=1", "--skipsize=10")
        self.assert_home()


class FetchmailTests(FetchingCase):
    """fetchmail."""

    account = "fetchmail@example.test"

    def fetchmail(self, protocol: str, *options: str, ok: tuple[int, ...] = (0,)) -> None:
        """One run."""
        told_apart = "uidl" if protocol == "POP3" else ""
        rc = self.configured(
            "fetchmailrc",
            f"poll localhost protocol {protocol} port {node().ports[protocol.lower() + 's']} {told_apart}\n"
            f' user "{self.account}" password "{PASSWORD}" ssl sslcertck sslcertfile "{node().certificate}"\n'
            f' mda "{self.mda()}" norewrite pass8bits no mimedecode {" ".join(options)}\n',
        )
        run(
            "fetchmail", "--fetchmailrc", rc, "--invisible", "--nosyslog", "--pidfile", self.place / "pid",
            "--idfile", self.place / "ids", "--silent", env=self.environment(), ok=ok,
        )  # fmt: skip

    def test_pop3(self) -> None:
        """By POP3 with kept UIDLs: the second run has nothing to do (its code 1), and a new message is taken alone."""
        self.fetchmail("POP3", "keep")
        self.assert_home("one", "two", "three")
        self.fetchmail("POP3", "keep", ok=(1,))
        self.fill("INBOX", "four")
        self.fetchmail("POP3", "keep")
        self.assert_home("one", "two", "three", "four")
        self.assert_letters("INBOX", "one", "two", "three", "four")

    def test_imap(self) -> None:
        """By IMAP: what is seen is left, what is taken becomes seen, or goes where it is not kept."""
        self.fill("INBOX", "old", flags="(\\Seen)")
        self.fetchmail("IMAP", "keep")
        self.assert_home("one", "two", "three")
        self.assertEqual(set(map(frozenset, self.flags("INBOX").values())), {frozenset({"\\Seen"})})
        self.fetchmail("IMAP", "keep", ok=(1,))
        self.fill("INBOX", "four")
        self.fetchmail("IMAP", "nokeep")
        self.assert_home("one", "two", "three", "four")
        self.assertNotIn("four", self.flags("INBOX"))
