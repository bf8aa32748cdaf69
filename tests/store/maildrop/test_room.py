"""Quotas: how much mail there may be, in an account and in single mailboxes, and who is told."""

from __future__ import annotations

import email
import email.policy
from unittest import mock

from mailframe.message.content import Content
from mailframe.message.status import MAILBOX_FULL, MailframeError
from mailframe.store.maildrop import room
from mailframe.store.maildrop.surroundings import Policies
from mailframe.store.quota import ACCOUNT, NOT_ENFORCED, Limit, QuotaRoot, QuotaRules, Usage
from mailframe.store.quota_options import FULL_FOR_GOOD, MailboxQuotaOptions, QuotaOptions
from mailframe.store.quota_warning import octets_text, warning
from mailframe.store.retention import RetentionRules
from mailframe.store.values import INBOX, NewMessage, Span
from tests.store.maildir.fixture import ALICE, BOB, MaildirCase

RULES = QuotaRules(
    Limit(1000, 10), mailboxes=(("Sent", Limit(100)), ("Lists/*", Limit(messages=1))), warnings=(50, 90)
)


async def own_limits(account: str) -> Limit | None:
    """Bob has a larger mailbox."""
    return Limit(5000) if account == BOB else None


def told(account: str, percent: int, limit: Limit, usage: Usage) -> bytes:
    return b"Subject: %d percent\r\n\r\n" % percent


class RoomTests(MaildirCase):
    """A store with quotas."""

    policies = Policies(quota=RULES, limits=own_limits, warning=told)

    def warnings(self) -> list[bytes]:
        return [octets for octets in self.contents() if octets.startswith(b"Subject: ")]

    def refused(self, awaitable) -> None:
        self.assertIs(self.fails(awaitable, MailframeError).status, MAILBOX_FULL)

    def test_messages(self) -> None:
        """Messages are counted as well as octets."""
        self.assertEqual([status.success for status in self.deliver(*[b"x\r\n"] * 11)], [True] * 10 + [False])

    def test_single_mailbox(self) -> None:
        """A mailbox may have a limit of its own, which moving into it respects, too."""
        (uid,) = self.append(b"x" * 98 + b"\r\n")
        self.append(b"y" * 10 + b"\r\n", mailbox="Sent")
        mailbox = self.opened()
        self.refused(mailbox.copy([uid], "Sent"))
        self.refused(mailbox.move([uid], "Sent"))
        self.refused(self.account().append("Sent", [NewMessage(Content.of(b"y" * 90 + b"\r\n"))]))
        self.assertEqual(len(self.messages("Sent")), 1)

    def test_mailboxes_below(self) -> None:
        """A rule may be about all mailboxes below one."""
        self.wait(self.account().create("Lists/one"))
        self.append(b"x\r\n", mailbox="Lists/one")
        self.refused(self.account().append("Lists/one", [NewMessage(Content.of(b"y\r\n"))]))
        self.append(b"x\r\n", mailbox="Lists")
        self.assertTrue(QuotaRules(mailboxes=[("inbox/*", Limit(messages=1))]).of_mailbox("INBOX/x"))

    def test_own_limit(self) -> None:
        """An account's own limit counts instead of the common one."""
        self.assertTrue(self.deliver(b"x" * 2000 + b"\r\n", account=BOB)[0].success)
        self.assertFalse(self.deliver(b"x" * 2000 + b"\r\n")[0].success)

    def test_room(self) -> None:
        """Whoever could refuse a recipient learns that there is no room; an account that is not there has room."""
        self.assertIsNone(self.wait(self.store.room(ALICE)))
        self.append(b"x" * 998 + b"\r\n")
        self.assertIs(self.wait(self.store.room(ALICE)), MAILBOX_FULL)
        self.assertIsNone(self.wait(self.store.room("nobody@example.test")))

    def test_roots(self) -> None:
        """What is limited, and how it stands, is told for the account and for each mailbox."""
        self.append(b"x" * 8 + b"\r\n", mailbox="Sent")
        account = self.account()
        roots = self.wait(account.quotas())
        self.assertEqual([root.name for root in roots], [ACCOUNT, "Sent"])
        self.assertEqual([root.usage for root in roots], [Usage(10, 1)] * 2)
        self.assertEqual([root.limit for root in roots], [Limit(1000, 10), Limit(100)])
        self.assertEqual([root.name for root in self.wait(account.quotas(INBOX))], [ACCOUNT])

    def test_owner_is_told(self) -> None:
        """The owner gets a message when a limit comes near, once for each percent that is passed."""
        self.deliver(b"x" * 398 + b"\r\n")
        self.assertEqual(self.warnings(), [])
        self.deliver(b"x" * 148 + b"\r\n")
        self.assertEqual(self.warnings(), [b"Subject: 50 percent\r\n\r\n"])
        self.deliver(b"x" * 8 + b"\r\n")
        self.assertEqual(len(self.warnings()), 1)
        self.deliver(b"x" * 398 + b"\r\n")
        self.assertEqual(self.warnings()[-1], b"Subject: 90 percent\r\n\r\n")

    def test_not_told_again_and_again(self) -> None:
        """Of a mailbox that goes to and fro about a percent its owner is told once a day."""
        begun = room.now()
        for hours, count in ((0, 1), (1, 1), (23, 1), (25, 2)):
            with mock.patch.object(room, "now", return_value=begun + hours * 3600):
                self.deliver(b"x" * 498 + b"\r\n")
            self.assertEqual(len(self.warnings()), count)
            mailbox = self.opened()
            uids = list(self.wait(mailbox.snapshot()).uids)
            octets = self.wait(mailbox.read([Span(uid) for uid in uids]))
            self.wait(
                mailbox.remove([uid for uid, each in zip(uids, octets, strict=True) if each.startswith(b"x")])
            )

    def test_told_when_nearly_nothing_fits(self) -> None:
        """The message that tells of it is put in whether there is room or not."""
        self.deliver(b"x" * 998 + b"\r\n")
        self.assertEqual(self.warnings(), [b"Subject: 90 percent\r\n\r\n"])


class OwnLimitTests(MaildirCase):
    """What an account's owner sets himself, beside what the administrator has set."""

    policies = Policies(
        quota=QuotaRules(Limit(3000, 10), mailboxes=(("Sent", Limit(1000)),), warnings=(50, 90)),
        limits=own_limits,
        warning=told,
    )

    def set(self, name: str, own: Limit, account: str = ALICE) -> QuotaRoot:
        return self.wait(self.account(account).set_quota(name, own))

    def refused(self, name: str, own: Limit, account: str = ALICE) -> None:
        error = self.fails(self.account(account).set_quota(name, own), MailframeError)
        self.assertEqual((error.status.word, error.status.permanent), ("NOPERM", True))

    def with_rules(self, rules: QuotaRules) -> None:
        self.wait(self.store.stop())
        self.policies = Policies(quota=rules)
        self.store = self.started()

    def test_within(self) -> None:
        """The owner's limits may be as large as the administrator's, those of the account and of each mailbox."""
        self.assertEqual(self.set(ACCOUNT, Limit(octets=2000)).limit, Limit(2000, 10))
        self.assertEqual(self.set("Sent", Limit(500, 4)).limit, Limit(500, 4))
        self.refused(ACCOUNT, Limit(messages=11))
        self.refused(ACCOUNT, Limit(4000, 1))
        self.refused("Sent", Limit(1100))
        self.assertEqual(
            [root.own for root in self.wait(self.account().quotas())], [Limit(2000), Limit(500, 4)]
        )

    def test_rounded(self) -> None:
        """3000 octets are told as three units of 1024, and who asks for three of them asks for no more."""
        self.assertEqual(self.set(ACCOUNT, Limit(octets=3072)).limit, Limit(3000, 10))
        self.refused(ACCOUNT, Limit(octets=3073))

    def test_limit_of_the_directory(self) -> None:
        """Where the directory has a limit for the account, that is the one to be within."""
        self.assertEqual(self.set(ACCOUNT, Limit(5000), BOB).limit, Limit(5000))
        self.refused(ACCOUNT, Limit(6000), BOB)

    def test_administrator_changes_his(self) -> None:
        """What the administrator allows less of from now on counts, and what he allows more of changes nothing."""
        self.set(ACCOUNT, Limit(2000, 5))
        for rules, limit in ((Limit(1000, 10), Limit(1000, 5)), (Limit(), Limit(2000, 5))):
            self.with_rules(QuotaRules(rules))
            (root,) = self.wait(self.account().quotas())
            self.assertEqual((root.limit, root.own), (limit, Limit(2000, 5)))

    def test_not_enforced(self) -> None:
        """Commands that bring mail in regardless of quotas do so regardless of the owner's, too."""
        self.set(ACCOUNT, Limit(messages=1))
        self.with_rules(NOT_ENFORCED)
        self.append(b"x\r\n", b"y\r\n")
        (root,) = self.wait(self.account().quotas())
        self.assertEqual((root.limit, root.own), (Limit(), Limit(0, 1)))

    def test_owner_is_told(self) -> None:
        """The message that tells of a mailbox nearly full goes by the owner's limit."""
        self.set(ACCOUNT, Limit(1000))
        self.deliver(b"x" * 598 + b"\r\n")
        self.assertIn(b"Subject: 50 percent\r\n\r\n", self.contents())

    def test_expunged(self) -> None:
        """Mail that is expunged can be kept, whatever limit its mailbox had."""
        self.wait(self.store.stop())
        self.policies = Policies(retention=RetentionRules(expunged=86400))
        self.store = self.started()
        self.append(b"x\r\n", b"y\r\n", mailbox="Sent")
        self.set("Sent", Limit(messages=1))
        self.assertEqual(list(self.wait(self.opened("Sent").remove([1, 2]))), [1, 2])
        self.assertEqual(sum(kept.messages for kept in self.wait(self.account().kept())), 2)
        error = self.fails(self.account().set_quota(".expunged/Sent", Limit(1)), MailframeError)
        self.assertEqual(error.status.word, "NONEXISTENT")

    def test_forgotten(self) -> None:
        """Limits of mailboxes that are gone do not stay for ever."""
        for name in ("a", "b", "c"):
            self.wait(self.account().create(name))
            self.set(name, Limit(1, 1))
            self.wait(self.account().delete(name))
        self.set(ACCOUNT, Limit(2, 2))
        settings = self.wait(self.store.work(ALICE, lambda drop: drop.catalogue.settings(room.OWN)))
        self.assertEqual(settings, {"octets_": 2, "messages_": 2})


class OptionTests(MaildirCase):
    """What can be said in the configuration."""

    def test_rules(self) -> None:
        """Options become rules."""
        options = QuotaOptions(
            storage=1000, messages=5, mailboxes=[MailboxQuotaOptions(name="Trash", storage=10)],
            warnings=[95, 80, 80], refuse="permanent",
        )  # fmt: skip
        self.assertEqual(
            options.rules, QuotaRules(Limit(1000, 5), (("Trash", Limit(10)),), (80, 95), FULL_FOR_GOOD)
        )

    def test_percents(self) -> None:
        """Percents are checked."""
        self.assertRaises(ValueError, QuotaOptions, warnings=[0])


class WarningTests(MaildirCase):
    """The message to the owner."""

    def written(self, limit: Limit, usage: Usage, **words):
        octets = warning(
            ALICE, 80, limit, usage, hostname="mail.example.test", now=1_700_000_000.0,
            **{"subject": "{percent} percent", "text": "{used} of {limit}, {strange}", **words},
        )  # fmt: skip
        return email.message_from_bytes(octets, policy=email.policy.default)

    def test_parsed(self) -> None:
        """It is a well-formed message that says how the mailbox stands, and that no vacation program answers."""
        message = self.written(Limit(2_000_000_000), Usage(1_650_000_000, 5))
        self.assertEqual(message["subject"], "80 percent")
        self.assertEqual(message["to"], ALICE)
        self.assertEqual(message["from"].addresses[0].addr_spec, "postmaster@example.test")
        self.assertEqual(message["auto-submitted"], "auto-generated")
        self.assertEqual(message.get_content().strip(), "1.6 GB of 2.0 GB, {strange}")
        self.assertEqual(message.defects, [])

    def test_messages(self) -> None:
        """Where it is messages that are nearly too many, they are counted."""
        message = self.written(Limit(2_000_000_000, 10), Usage(1000, 8))
        self.assertIn("8 messages of 10 messages", message.get_content())

    def test_other_languages(self) -> None:
        """Texts of one's own may be in any language."""
        message = self.written(
            Limit(10), Usage(8), subject="Postfach zu {percent} % gefüllt", text="Größe: {used}"
        )
        self.assertEqual(message["subject"], "Postfach zu 80 % gefüllt")
        self.assertIn("Größe: 8 octets", message.get_content())

    def test_octets_text(self) -> None:
        """Sizes are written as people say them."""
        self.assertEqual(
            [octets_text(octets) for octets in (0, 999, 1500, 25_000_000, 2 * 10**15)],
            ["0 octets", "999 octets", "1.5 KB", "25 MB", "2000 TB"],
        )
