"""Certificates that are found by themselves, as the usual ACME clients write them."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailframe.config.types import FilePath
from mailframe.tls import server
from mailframe.tls.client import ClientContexts
from mailframe.tls.directories import look, watched
from mailframe.tls.errors import CertificateError
from mailframe.tls.files import now
from mailframe.tls.options import CertificateFiles, TLSOptions
from mailframe.tls.policies import ClientPolicy, Level
from mailframe.tls.server import RETRY, Contexts

from .authorities import (
    NAME,
    Issued,
    intermediate,
    issue,
    self_signed,
    stranger,
    trusted,
    unknown_key,
    with_garbage,
)
from .meeting import Meeting
from .test_context import Raw


def put(path: str, octets: bytes) -> str:
    """Write a file and the directories above it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(octets)
    os.chmod(path, 0o600)
    return path


class DirectoryCase(SynchronousTestCase):
    """A directory, and a server that looks into it."""

    def setUp(self) -> None:
        self.directory = self.mktemp()
        os.mkdir(self.directory)

    def at(self, *names: str) -> str:
        return os.path.join(self.directory, *names)

    def contexts(self, **options: Any) -> Contexts:
        hostname = options.pop("hostname", "")
        found = TLSOptions(directories=[FilePath(self.directory)], **options)
        return Contexts(options=found, hostname=hostname)

    def chain(self, contexts: Contexts) -> list[Any]:
        chain = Meeting(contexts.contexts(), Raw()).handle.get_peer_cert_chain(as_cryptography=True)
        return list(chain)

    def certbot(self, issued: Issued, name: str = "mx.example.test", number: int = 1) -> None:
        """What certbot does: numbered files in archive/, links in live/ that are replaced."""
        parts = {
            "cert": issued.chain_pem[: issued.chain_pem.index(b"-----END") + 26],
            "chain": b"",
            "fullchain": issued.chain_pem,
            "privkey": issued.key_pem,
        }
        parts["chain"] = issued.chain_pem[len(parts["cert"]) :]
        os.makedirs(self.at(name), exist_ok=True)
        put(self.at("README"), b"not a certificate")
        for part, octets in parts.items():
            target = put(os.path.abspath(f"{self.directory}-archive/{name}/{part}{number}.pem"), octets)
            link = self.at(name, f"{part}.pem")
            os.symlink(target, link + ".new")
            os.replace(link + ".new", link)


class LayoutTests(DirectoryCase):
    """Every layout gives the certificate with its whole chain."""

    def shown(self, issued: Issued) -> None:
        contexts = self.contexts()
        self.assertEqual([], contexts.problems())
        self.assertEqual(list(issued.chain), self.chain(contexts))

    def test_certbot(self) -> None:
        """certbot: links to four files."""
        self.certbot(issue("mx.example.test"))
        self.shown(issue("mx.example.test"))

    def test_lego(self) -> None:
        """lego: everything in one directory, with the issuer and a description beside it."""
        issued = issue("mx.example.test")
        put(self.at("mx.example.test.crt"), issued.chain_pem)
        put(self.at("mx.example.test.key"), issued.key_pem)
        put(self.at("mx.example.test.issuer.crt"), b"".join(issued.chain_pem.partition(b"-----BEGIN")[1:]))
        put(self.at("mx.example.test.json"), b"{}")
        put(self.at("mx.example.test.pem"), issued.chain_pem + issued.key_pem)
        self.shown(issued)

    def test_acme_sh(self) -> None:
        """acme.sh: a directory with the certificate alone, the chain, and the authority."""
        issued = issue("mx.example.test")
        put(self.at("mx.example.test_ecc", "mx.example.test.key"), issued.key_pem)
        put(self.at("mx.example.test_ecc", "mx.example.test.cer"), issued.chain_pem.split(b"\n\n")[0])
        put(self.at("mx.example.test_ecc", "fullchain.cer"), issued.chain_pem)
        put(
            self.at("mx.example.test_ecc", "ca.cer"), b"".join(issued.chain_pem.rpartition(b"-----BEGIN")[1:])
        )
        self.shown(issued)

    def test_one_file(self) -> None:
        """Key and chain in one file, in either order."""
        issued = issue("mx.example.test")
        path = put(self.at("all.pem"), issued.key_pem + issued.chain_pem)
        self.shown(issued)
        os.unlink(path)
        put(self.at("all.pem"), issued.chain_pem + issued.key_pem)
        self.shown(issued)

    def test_many(self) -> None:
        """Several names, several kinds of key; the default is the one for this node."""
        issue("a.test").write(self.at("a"))
        issue("mx.example.test").write(self.at("mx"))
        issue("mx.example.test", key="RSA").write(self.at("mx-rsa"))
        issue("*.example.test").write(self.at("z"))
        contexts = self.contexts(hostname="mx.example.test")
        self.assertEqual(("mx.example.test",), contexts.names()[0])
        self.assertEqual(4, len(contexts.names()))
        self.assertEqual(("a.test",), self.contexts().names()[0])

    def test_listed_come_first(self) -> None:
        """What is listed is the default."""
        issue("a.test").write(self.at("a"))
        listed = issue("z.test").write(self.mktemp())
        self.assertEqual([("z.test",), ("a.test",)], self.contexts(certificates=[listed]).names())

    def test_nothing(self) -> None:
        """An empty directory is no certificate; the reason names what is wrong in it."""
        error = self.assertRaises(CertificateError, self.contexts)
        self.assertIn(self.directory, str(error))
        put(self.at("lonely.key"), issue("a.test").key_pem)
        self.assertIn("lonely.key", str(self.assertRaises(CertificateError, self.contexts)))
        shutil.rmtree(self.directory)
        self.assertRaises(CertificateError, self.contexts)

    def test_broken_beside_good(self) -> None:
        """One broken file keeps nobody from the others, and is told."""
        issue("a.test").write(self.at("a"))
        put(self.at("b", "key.pem"), b"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
        put(self.at("c", "cert.pem"), b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        contexts = self.contexts()
        self.assertEqual([("a.test",)], contexts.names())
        self.assertEqual(2, len(contexts.problems()))

    def test_garbage_beside_good(self) -> None:
        """Whatever lies in the directory keeps nobody from the certificates: pipes, loops, keys of strange kinds."""
        issue("a.test").write(self.at("a"))
        strange = issue("b.test", key="RSA")
        put(self.at("unknown", "cert.pem"), unknown_key("b.test").public_bytes(Encoding.PEM))
        put(self.at("unknown", "key.pem"), strange.key_pem)
        with_garbage("c.test").write(self.at("names"))
        os.mkfifo(self.at("pipe.pem"))
        os.mkdir(self.at("folder.pem"))
        os.symlink("loop", self.at("loop"))
        os.symlink("loop.pem", self.at("loop.pem"))
        os.symlink("/dev/zero", self.at("zero.pem"))
        put(self.at("evil\nname.pem"), b"-----BEGIN PRIVATE KEY-----")
        put(os.fsdecode(os.fsencode(self.directory) + b"/\xff.key"), b"-----BEGIN PRIVATE KEY-----")
        contexts = self.contexts()
        self.assertEqual([("a.test",)], contexts.names())
        problems = "\n".join(contexts.problems())
        for path, words in (
            ("unknown/cert.pem", "not known"),
            ("unknown/key.pem", "no certificate"),
            ("names/chain.pem", "cannot be read"),
            ("pipe.pem", "no file"),
            ("zero.pem", "no file"),
            ("loop.pem", "symbolic links"),
        ):
            self.assertRegex(problems, f"(?m){path}.*{words}|{words}.*{path}")
        self.assertEqual(6, len(problems.splitlines()), problems)

    def test_too_weak(self) -> None:
        """A certificate that OpenSSL finds too weak to be shown keeps nobody from the others, listed it is an error."""
        issue("a.test").write(self.at("a"))
        weak = self_signed("weak.test", bits=1024)
        files = weak.write(self.at("weak"))
        contexts = self.contexts()
        self.assertEqual([("a.test",)], contexts.names())
        self.assertEqual([f"OpenSSL refuses {files.certificate}: ee key too small"], contexts.problems())
        error = self.assertRaises(CertificateError, self.contexts, certificates=[files])
        self.assertIn("ee key too small", str(error))
        shutil.rmtree(self.at("a"))
        error = self.assertRaises(CertificateError, self.contexts)
        self.assertIn("ee key too small", str(error))
        self.assertEqual([("weak.test",)], self.contexts(ciphers="ECDHE+AESGCM:@SECLEVEL=0").names())

    def test_keys_for_all_to_read(self) -> None:
        """A key that everybody on the machine may read is told of."""
        files = issue("a.test").write(self.at("a"))
        self.assertEqual([], self.contexts().problems())
        os.chmod(files.key, 0o644)
        (problem,) = self.contexts().problems()
        self.assertIn(files.key, problem)
        self.assertIn("everybody", problem)

    def test_what_is_not_written_is_not_read(self) -> None:
        """A look at thousands of certificates costs little when one of them changed."""
        for name in ("a", "b"):
            issue(f"{name}.test").write(self.at(name))
        first = look([self.directory], {})
        second = look([self.directory], first)
        self.assertEqual(first, second)
        issue("c.test").write(self.at("b"))
        third = look([self.directory], second)
        self.assertIs(first[self.at("a")], third[self.at("a")])
        self.assertEqual(("c.test",), third[self.at("b")].certificates[0].names)

    def test_places(self) -> None:
        """What is watched: directories, those below them, and where links of listed files point."""
        self.certbot(issue("mx.example.test"))
        link = self.at("mx.example.test", "fullchain.pem")
        places = set(watched([link], [self.directory]))
        self.assertEqual(
            {self.directory, self.at("mx.example.test"), os.path.dirname(os.path.realpath(link))}, places
        )
        self.assertEqual({"/nowhere"}, set(watched([], ["/nowhere"])))


class SwapTests(DirectoryCase):
    """New certificates while running."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()

    def watching(self, **options: Any) -> Contexts:
        contexts = self.contexts(**options)
        self.addCleanup(contexts.watch(self.clock, 60.0))
        return contexts

    def test_renewed(self) -> None:
        """certbot renews."""
        self.certbot(issue("mx.example.test"))
        contexts = self.watching()
        self.certbot(issue("mx.example.test", "more.example.test"), number=2)
        self.clock.advance(60)
        self.assertEqual(list(issue("mx.example.test", "more.example.test").chain), self.chain(contexts))

    def test_added_and_removed(self) -> None:
        """A new name is served, one that was removed is no more."""
        issue("a.test").write(self.at("a"))
        contexts = self.watching()
        issue("b.test").write(self.at("b"))
        self.clock.advance(60)
        self.assertEqual([("a.test",), ("b.test",)], contexts.names())
        shutil.rmtree(self.at("a"))
        self.clock.advance(60)
        self.assertEqual([("b.test",)], contexts.names())

    def test_half_written(self) -> None:
        """Between certificate and key the old pair is served, whichever is written first; others go on changing."""
        for first, second in (("chain.pem", "key.pem"), ("key.pem", "chain.pem")):
            old, new = issue("a.test"), issue("a.test", "new.test")
            old.write(self.at("a"))
            contexts = self.watching()
            octets = {"chain.pem": new.chain_pem, "key.pem": new.key_pem}
            put(self.at("a", first), octets[first])
            issue(f"{first[0]}.test").write(self.at("b"))
            self.clock.advance(60)
            self.assertEqual(list(old.chain), self.chain(contexts))
            self.assertIn((f"{first[0]}.test",), contexts.names())
            put(self.at("a", second), octets[second])
            self.clock.advance(60)
            self.assertEqual(list(new.chain), self.chain(contexts))
            self.assertEqual([], contexts.problems())

    def test_half_written_listed(self) -> None:
        """Listed files too; nothing is said when they are whole a moment later."""
        files = issue("a.test").write(self.mktemp())
        contexts = Contexts([files])
        self.addCleanup(contexts.watch(self.clock, 60.0))
        new = issue("a.test", "new.test")
        with capturedLogs() as events:
            put(files.certificate, new.chain_pem)
            self.clock.advance(60)
            put(files.key, new.key_pem)
            self.clock.advance(RETRY)
        self.assertEqual(["certificates loaded: {names}"], [event["log_format"] for event in events])
        with capturedLogs() as events:
            put(files.certificate, b"")
            self.clock.pump([60, RETRY, 60, 60, RETRY])
        self.assertEqual(1, len(events))
        self.assertEqual(1, len(contexts.problems()))
        put(files.certificate, new.chain_pem)
        self.clock.advance(60)
        self.assertEqual([], contexts.problems())

    def test_authorities(self) -> None:
        """Other authorities for certificates of clients count at once, for every name."""
        issue("default.test").write(self.at("a"))
        issue(NAME).write(self.at("b"))
        authorities = trusted(self.mktemp())
        contexts = self.watching(client_certificates="request", client_authorities=authorities)
        mine = issue("alice@example.test").write(self.mktemp())
        for _ in range(2):
            self.assertEqual("alice@example.test", self.client_name(contexts, mine))
            self.clock.advance(60)
        trusted(authorities, stranger())
        self.clock.advance(60)
        self.assertIsNone(self.client_name(contexts, mine))

    def client_name(self, contexts: Contexts, mine: CertificateFiles) -> str | None:
        client = ClientContexts(certificate=mine).creator(ClientPolicy(Level.ENCRYPT), NAME)
        meeting = Meeting(contexts.contexts(), client)
        self.assertEqual(b"hello", meeting.server.heard)
        name: str | None = meeting.server_handle.client_name
        return name

    def test_told_daily(self) -> None:
        """What is wrong is told once a day, not at every look."""
        files = issue("a.test").write(self.at("a"))
        os.chmod(files.key, 0o644)
        day = [now()]
        self.patch(server, "now", lambda: day[0])
        with capturedLogs() as events:
            self.watching()
            self.clock.pump([60] * 5)
            self.assertEqual(1, len(events))
            day[0] += timedelta(days=1)
            self.clock.pump([60] * 5)
            self.assertEqual(2, len(events))

    def test_keys_of_tickets(self) -> None:
        """The keys of session tickets are made anew in their time, without a file having changed."""
        issue("a.test").write(self.at("a"))
        contexts = self.watching(session_lifetime=120.0)
        first = contexts.contexts()
        self.clock.advance(60)
        self.assertIs(first, contexts.contexts())
        self.clock.advance(60)
        self.assertIsNot(first, contexts.contexts())
        self.assertEqual(list(issue("a.test").chain), self.chain(contexts))

    def test_keys_of_tickets_alone(self) -> None:
        """So they are where files are not watched."""
        issue("a.test").write(self.at("a"))
        contexts = self.contexts(session_lifetime=120.0)
        self.addCleanup(contexts.watch(self.clock, 0.0))
        first = contexts.contexts()
        issue("b.test").write(self.at("b"))
        self.clock.advance(120)
        self.assertIsNot(first, contexts.contexts())
        self.assertEqual([("a.test",)], contexts.names())

    def test_during_handshakes(self) -> None:
        """A handshake that has begun ends with the certificates it began with, also by name."""
        issue("mx.example.test").write(self.at("a"))
        contexts = self.watching()
        old = contexts.contexts()
        self.certbot(issue("mx.example.test", "more.test"), "b")
        shutil.rmtree(self.at("a"))
        self.clock.advance(60)
        self.assertEqual(list(issue("mx.example.test", "more.test").chain), self.chain(contexts))
        chain = Meeting(old, Raw()).handle.get_peer_cert_chain(as_cryptography=True)
        self.assertEqual(list(issue("mx.example.test").chain), list(chain))

    def test_authority_beside(self) -> None:
        """A certificate without its key is nothing of ours."""
        put(self.at("ca.pem"), intermediate().cert_pem.bytes())
        self_signed("a.test").write(self.at("a"))
        self.assertEqual([("a.test",)], self.contexts().names())
