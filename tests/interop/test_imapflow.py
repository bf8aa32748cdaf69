"""imapflow, which web mail programs and mail APIs in JavaScript are made with: a day's work with it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from . import service
from .outside import ATTACHMENT, ClientCase, counted, letter
from .service import PASSWORD, node, run

PLACE = os.environ.get("MAILFRAME_NODE", "/opt/mailframe-interop/node")
SCRIPT = Path(__file__).with_name("imapflow.js")
ENVIRONMENT = {**os.environ, "NODE_PATH": f"{PLACE}/node_modules"}


def with_attachment() -> bytes:
    """A message with a file in it, whose name is beyond ASCII."""
    message = EmailMessage(policy=SMTP)
    message["From"] = message["To"] = "Clients <clients@example.test>"
    message["Subject"] = "Übersicht"
    message["Message-ID"] = "<attached@clients.example.test>"
    message.set_content("Schöne Grüße.\n", cte="quoted-printable")
    message.add_attachment(ATTACHMENT, "application", "octet-stream", filename="Übersicht.bin")
    return message.as_bytes()


class ImapflowTests(ClientCase):
    """Sessions that imapflow sets up as it likes: compressed, enabled, idling."""

    account = "imapflow@example.test"

    def wanted(self, *steps: list[Any], port: str = "imaps", **options: Any) -> bytes:
        """What the script is told."""
        connection = {
            "host": "localhost",
            "port": node().ports[port],
            "secure": port == "imaps",
            "tls": {"ca": node().certificate.read_text()},
            "auth": {"user": self.account, "pass": PASSWORD},
            **options,
        }
        return json.dumps({"options": connection, "steps": steps}).encode()

    def do(self, *steps: list[Any], **options: Any) -> dict[str, Any]:
        """All steps in one session; all must succeed."""
        said = json.loads(run("node", SCRIPT, stdin=self.wanted(*steps, **options), env=ENVIRONMENT))
        self.assertNotIn("error", said, str({**said, "gave": None})[:2000])
        return said

    def test_mailboxes(self) -> None:
        """It makes, renames, subscribes to and removes mailboxes, and knows special uses; also after STARTTLS."""
        self.fill("Done", "old")
        said = self.do(
            ["mailboxCreate", ["Pläne", "2026"]],
            ["mailboxRename", ["Pläne", "2026"], "Ideen"],
            ["mailboxSubscribe", "Ideen"],
            ["mailboxDelete", "Done"],
            ["list", {"statusQuery": {"messages": True, "unseen": True}}],
            ["getQuota"],
            port="imap",
        )
        listed = {row["path"]: row for row in said["gave"][4]}
        self.assertLessEqual({"INBOX", "Pläne", "Ideen"}, set(listed))
        self.assertNotIn("Done", listed)
        self.assertTrue(listed["Ideen"]["subscribed"])
        self.assertLessEqual({"\\Sent", "\\Trash"}, {row.get("specialUse") for row in listed.values()})
        self.assertEqual(listed["INBOX"]["status"]["messages"], 0)
        self.assertIn("Ideen", self.mailboxes())
        self.assertNotIn("Done", self.mailboxes())

    def test_messages(self) -> None:
        """APPEND, search, fetch, an attachment, flags, copy, move, delete, in a compressed session."""
        before = counted("compress")
        self.fill("Desk", "one", "two", "three")
        self.fill("Done")
        content = with_attachment().decode("latin-1")
        said = self.do(
            ["append", "Desk", content, ["\\Draft"]],
            ["mailboxOpen", "Desk"],
            ["search", {"header": {"message-id": "attached"}}, {"uid": True}],
            ["all", "1:*", {"uid": True, "flags": True, "envelope": True, "bodyStructure": True, "source": True}],
            ["part", "4", "2"],
            ["messageFlagsAdd", "1", ["\\Flagged", "$Work"], {"uid": True}],
            ["messageFlagsRemove", {"uid": "4"}, ["\\Draft"]],
            ["messageCopy", "1", "Done", {"uid": True}],
            ["messageMove", "2", "Done", {"uid": True}],
            ["messageDelete", "3", {"uid": True}],
            ["status", "Done", {"messages": True, "unseen": True, "highestModseq": True}],
        )  # fmt: skip
        gave = said["gave"]
        self.assertEqual(gave[0]["uid"], 4)
        self.assertEqual(gave[2], [4])
        rows = {row["uid"]: row for row in gave[3]}
        self.assertEqual(rows[1]["source"]["latin1"].encode("latin-1"), letter("one"))
        self.assertEqual(rows[1]["envelope"]["subject"], "Grüße one")
        self.assertEqual(rows[4]["bodyStructure"]["type"], "multipart/mixed")
        self.assertEqual(gave[4]["filename"], "Übersicht.bin")
        self.assertEqual(base64.b64decode(gave[4]["base64"]), ATTACHMENT)
        self.assertEqual(gave[7]["uidMap"], {"1": 1})
        self.assertEqual(gave[8]["uidMap"], {"2": 2})
        self.assertEqual(gave[10]["messages"], 2)
        self.assertEqual(self.flags("Desk"), {"one": {"\\Flagged", "$Work"}, "attached": set()})
        self.assertEqual(self.flags("Done"), {"one": {"\\Flagged", "$Work"}, "two": set()})
        self.assert_letters("Done", "one", "two")
        self.assertTrue([line for line in said["sent"] if "COMPRESS DEFLATE" in line], said["sent"])
        self.assertGreater(counted("compress"), before)

    def test_large(self) -> None:
        """Five megabytes go there and back, compressed, in a session that does other things, too."""
        self.fill("Desk", "one")
        text = "".join(f"line {number} of many\r\n" for number in range(250_000))
        content = letter("large").decode() + text
        said = self.do(
            ["append", "Desk", content, ["\\Seen"]],
            ["mailboxOpen", "Desk"],
            ["all", "2", {"uid": True, "size": True, "source": True}],
            ["all", "1:*", {"uid": True, "flags": True}],
        )
        (row,) = said["gave"][2]
        self.assertEqual(row["size"], len(content.encode()))
        self.assertEqual(row["source"]["latin1"].encode("latin-1"), content.encode())
        self.assertEqual([found["uid"] for found in said["gave"][3]], [1, 2])
        self.assertEqual(self.rows("Desk")[1][0], content.encode())

    def test_coming_back(self) -> None:
        """It is told what it missed by QRESYNC, and nothing else."""
        self.fill("Desk", *(f"m{number}" for number in range(20)))
        first = self.do(["mailboxOpen", "Desk"], qresync=True)
        self.assertLessEqual({"QRESYNC", "CONDSTORE"}, set(first["enabled"]), first["sent"])
        known = first["gave"][0]
        self.outside.select("Desk")
        self.outside.uid("STORE", "5", "+FLAGS", "(\\Seen)")
        self.outside.uid("STORE", "7,9", "+FLAGS", "(\\Deleted)")
        self.outside.expunge()
        self.outside.unselect()
        again = {"changedSince": known["highestModseq"], "uidValidity": known["uidValidity"]}
        second = self.do(["mailboxOpen", "Desk", again], qresync=True)
        self.assertTrue([line for line in second["sent"] if "(QRESYNC (" in line], second["sent"])
        self.assertEqual({row["uid"] for row in second["told"] if row["event"] == "expunge"}, {7, 9})
        flagged = [(row["uid"], row["flags"]) for row in second["told"] if row["event"] == "flags"]
        self.assertEqual(flagged, [(5, ["\\Seen"])])
        self.assertEqual(second["gave"][0]["exists"], 18)
        third = self.do(
            ["mailboxOpen", "Desk"],
            ["all", "1:*", {"uid": True, "flags": True}, {"changedSince": known["highestModseq"]}],
        )
        self.assertEqual([row["uid"] for row in third["gave"][1]], [5])

    def test_idle(self) -> None:
        """Mail that comes in while it idles is told at once."""
        before = counted("idle")
        process = subprocess.Popen(
            [service.program("node"), SCRIPT], env=ENVIRONMENT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.addCleanup(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(
            self.wanted(["mailboxOpen", "INBOX"], ["wait", "exists"], ["all", "1:*", {"uid": True}])
        )
        process.stdin.close()
        self.assertEqual(process.stderr.readline(), b"idling\n")
        self.deliver("news")
        said = json.loads(process.stdout.read())
        process.wait(20)
        process.stderr.close()
        process.stdout.close()
        self.assertNotIn("error", said, str({**said, "gave": None})[:2000])
        self.assertEqual([row["count"] for row in said["told"] if row["event"] == "exists"], [1])
        self.assertEqual(len(said["gave"][2]), 1)
        self.assertGreater(counted("idle"), before)

    def test_wrong_password(self) -> None:
        """A wrong password is known as such."""
        options = self.wanted(auth={"user": self.account, "pass": "wrong"})
        said = json.loads(run("node", SCRIPT, stdin=options, env=ENVIRONMENT))
        self.assertTrue(said["failed"], said)
