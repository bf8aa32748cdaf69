"""The contract of mailbox names: list, create, delete, rename, subscribe, status."""

from __future__ import annotations

from mailframe.store.values import DELETED, INBOX, SEEN, FlagChange, MailboxEntry

from .fixture import ALICE, HELLO, StoreFixture, new, numbered

DEFAULTS = ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"]
UNUSUAL = [
    "Entwürfe",
    "日本語/メール",
    "with space",
    "dot.ted",
    "&ampersand",
    "a&AOk-b",
    "~home",
    "#hash",
    'quo"te\\back',
    "100%*",
    "cur",
    "new/tmp",
    "-",
    "🙂",
    "x" * 255,
]


class MailboxesContract(StoreFixture):
    """``IMailAccount.mailboxes``, ``create``, ``delete``, ``subscribe``, ``status`` and ``open``."""

    async def entries(self) -> dict[str, MailboxEntry]:
        """The listing, by name."""
        return {entry.name: entry for entry in await (await self.account()).mailboxes()}

    async def test_new_account(self) -> None:
        """A new account has INBOX first, then the default folders with their special uses, all subscribed."""
        entries = list(await (await self.account()).mailboxes())
        self.assertEqual([entry.name for entry in entries], DEFAULTS)
        self.assertEqual(
            [entry.special_use for entry in entries],
            [None, "\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"],
        )
        self.assertTrue(all(entry.selectable and entry.subscribed for entry in entries))
        self.assertEqual(len({entry.mailbox_id for entry in entries}), len(entries))

    async def test_create(self) -> None:
        """A created mailbox is listed under the id it was given, not subscribed, and empty."""
        account = await self.account()
        mailbox_id = await account.create("Projects")
        self.assertEqual((await self.entries())["Projects"], MailboxEntry("Projects", mailbox_id))
        self.assertEqual(await self.uids(await account.open("Projects")), [])

    async def test_create_makes_superiors(self) -> None:
        """Creating ``a/b/c`` makes ``a`` and ``a/b`` too; a separator at the end is dropped."""
        await (await self.account()).create("a/b/c/")
        self.assertEqual(
            await self.names(), ["INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash", "a", "a/b", "a/b/c"]
        )

    async def test_create_again(self) -> None:
        """A mailbox cannot be created twice, and INBOX never, in any case."""
        account = await self.account()
        await account.create("a")
        for name in ("a", "a/", "INBOX", "inbox"):
            await self.refused("ALREADYEXISTS", account.create(name))

    async def test_names_differ_in_case(self) -> None:
        """Names other than INBOX are different when their case is."""
        account = await self.account()
        self.assertNotEqual(await account.create("work"), await account.create("Work"))

    async def test_forbidden_names(self) -> None:
        """Names that would hurt a client or a file system are refused."""
        account = await self.account()
        bad = [
            "",
            "/",
            "/a",
            "a//b",
            ".",
            "..",
            "../x",
            "a/../b",
            "a\nb",
            "a\0b",
            "a\x7fb",
            "a\u2028b",
            "\ud800",
        ]
        bad += ["x" * 256, "é" * 128, "/".join("abcdefghij" * 4)]
        for name in bad:
            await self.refused("CANNOT", account.create(name))
            await self.refused("CANNOT", account.rename("Sent", name))
        self.assertEqual(await self.names(), DEFAULTS)

    async def test_unusual_names(self) -> None:
        """Names in any script and with any sign can be made, used and listed."""
        account = await self.account()
        for name in UNUSUAL:
            await account.create(name)
            await self.append(HELLO, mailbox=name)
        self.assertLessEqual(set(UNUSUAL), set(await self.names()))
        for name in UNUSUAL:
            self.assertEqual(await self.contents(await account.open(name)), [HELLO])

    async def test_composed_names(self) -> None:
        """A name is found in composed and in decomposed spelling."""
        account = await self.account()
        await account.create("Cafe\u0301")
        self.assertIn("Caf\u00e9", await self.names())
        self.assertEqual((await account.open("Cafe\u0301")).name, "Caf\u00e9")

    async def test_special_use(self) -> None:
        """A mailbox may be created for a special use; those nobody can make are refused."""
        account = await self.account()
        await account.create("Postausgang", "\\Sent")
        self.assertEqual((await self.entries())["Postausgang"].special_use, "\\Sent")
        for use in ("\\All", "\\Nonsense", "Sent"):
            await self.refused("USEATTR", account.create("other", use))
        self.assertNotIn("other", await self.names())

    async def test_inbox_in_any_case(self) -> None:
        """INBOX is found in any case, also as the first level of a name."""
        account = await self.account()
        await account.create("iNBox/work")
        self.assertIn("INBOX/work", await self.names())
        self.assertEqual((await account.open("inbox/work")).name, "INBOX/work")
        self.assertEqual((await account.open("inbox")).name, INBOX)
        self.assertEqual((await account.status("Inbox")).messages, 0)

    async def test_delete(self) -> None:
        """A deleted mailbox is gone, and so are its messages when it is made again."""
        account = await self.account()
        await account.create("a")
        await self.append(HELLO, mailbox="a")
        await account.delete("a")
        await self.refused("NONEXISTENT", account.open("a"))
        await account.create("a")
        self.assertEqual(await self.uids(await account.open("a")), [])

    async def test_delete_what_is_not_there(self) -> None:
        """A mailbox that does not exist cannot be deleted, and INBOX cannot either."""
        account = await self.account()
        await self.refused("NONEXISTENT", account.delete("missing"))
        await self.refused("CANNOT", account.delete("inbox"))

    async def test_delete_keeps_inferiors(self) -> None:
        """Inferiors stay; the deleted name is listed as one that cannot be selected, until they go."""
        account = await self.account()
        await account.create("a/b")
        await self.append(HELLO, mailbox="a/b")
        await account.delete("a")
        entries = await self.entries()
        self.assertEqual(entries["a"], MailboxEntry("a", selectable=False))
        await self.refused("NONEXISTENT", account.delete("a"))
        self.assertEqual(await self.contents(await account.open("a/b")), [HELLO])
        await account.delete("a/b")
        self.assertNotIn("a", await self.entries())

    async def test_uidvalidity_is_new(self) -> None:
        """A mailbox that takes a deleted one's name has a UIDVALIDITY and an id never used for it."""
        account = await self.account()
        seen = set()
        for _ in range(4):
            mailbox_id = await account.create("a")
            mailbox = await account.open("a")
            self.assertEqual(mailbox.mailbox_id, mailbox_id)
            self.assertTrue(0 < mailbox.uidvalidity < 2**32)
            seen.add((mailbox.uidvalidity, mailbox_id))
            await account.delete("a")
        self.assertEqual(len({validity for validity, _ in seen}), 4)
        self.assertEqual(len({mailbox_id for _, mailbox_id in seen}), 4)

    async def test_uidvalidity_stays(self) -> None:
        """Opening again shows the same UIDVALIDITY and id."""
        first, second = await self.opened(), await self.opened()
        self.assertEqual((first.uidvalidity, first.mailbox_id), (second.uidvalidity, second.mailbox_id))

    async def test_subscribe(self) -> None:
        """Any proper name can be subscribed; one without a mailbox is listed but cannot be selected."""
        account = await self.account()
        await account.subscribe("not there", True)
        await account.subscribe("not there", True)
        await account.subscribe("Sent", False)
        entries = await self.entries()
        self.assertEqual(entries["not there"], MailboxEntry("not there", selectable=False, subscribed=True))
        self.assertFalse(entries["Sent"].subscribed)
        await account.subscribe("not there", False)
        await account.subscribe("never heard of", False)
        self.assertNotIn("not there", await self.entries())

    async def test_subscription_outlives_the_mailbox(self) -> None:
        """Deleting a mailbox does not take its name off the list (RFC 9051 section 6.3.8)."""
        account = await self.account()
        await account.delete("Sent")
        self.assertEqual(
            (await self.entries())["Sent"], MailboxEntry("Sent", selectable=False, subscribed=True)
        )

    async def test_status(self) -> None:
        """STATUS counts messages, octets, unseen and deleted ones."""
        await self.append(
            new(numbered(1)), new(numbered(2), [SEEN]), new(numbered(3), [SEEN, DELETED]), new(HELLO)
        )
        status = await (await self.account()).status(INBOX)
        mailbox = await self.opened()
        snapshot = await mailbox.snapshot()
        self.assertEqual((status.messages, status.unseen, status.deleted), (4, 2, 1))
        self.assertEqual(status.size, 3 * len(numbered(1)) + len(HELLO))
        self.assertEqual((status.uidnext, status.highestmodseq), (snapshot.uidnext, snapshot.modseq))
        self.assertEqual((status.uidvalidity, status.mailbox_id), (mailbox.uidvalidity, mailbox.mailbox_id))

    async def test_status_follows(self) -> None:
        """STATUS follows every change of flags and every removal."""
        account = await self.account()
        mailbox, uids = await self.filled(4)
        await mailbox.store(uids[:2], FlagChange.ADD, frozenset({SEEN, DELETED}))
        self.assertEqual((await account.status(INBOX)).unseen, 2)
        await mailbox.store(uids[:1], FlagChange.REMOVE, frozenset({DELETED}))
        self.assertEqual((await account.status(INBOX)).deleted, 1)
        await mailbox.expunge()
        status = await account.status(INBOX)
        self.assertEqual((status.messages, status.unseen, status.deleted), (3, 2, 0))
        self.assertEqual(status.size, 3 * len(numbered(1)))

    async def test_status_of_an_empty_mailbox(self) -> None:
        """An empty mailbox has a modseq of at least one and a UIDNEXT of at least one."""
        status = await (await self.account()).status("Sent")
        self.assertGreaterEqual(status.highestmodseq, 1)
        self.assertGreaterEqual(status.uidnext, 1)
        self.assertEqual((status.messages, status.recent, status.unseen, status.size), (0, 0, 0, 0))

    async def test_missing(self) -> None:
        """What does not exist has no status and cannot be opened."""
        account = await self.account()
        await self.refused("NONEXISTENT", account.status("missing"))
        await self.refused("NONEXISTENT", account.open("missing"))

    async def test_missing_odd(self) -> None:
        """A name that no mailbox can have is missing like any other, though a client may ask for it."""
        account = await self.account()
        for name in ("a\0b", "\0"):
            for refused in (account.status(name), account.open(name), account.delete(name)):
                await self.refused("NONEXISTENT", refused)
            await self.refused("NONEXISTENT", account.rename(name, "new"))
            await self.refused("TRYCREATE", account.append(name, [new(HELLO)]))
            await account.subscribe(name, False)

    async def test_name_of_the_account(self) -> None:
        """An account knows its name, and an opened mailbox what it is."""
        account = await self.account()
        mailbox = await account.open("Sent", read_only=True)
        self.assertEqual((account.name, mailbox.name, mailbox.read_only), (ALICE, "Sent", True))


class RenameContract(StoreFixture):
    """`IMailAccount.rename`."""

    async def test_rename(self) -> None:
        """A renamed mailbox keeps its messages, UIDs, id and special use."""
        account = await self.account()
        (uid,) = await self.append(HELLO, mailbox="Sent")
        before = await account.status("Sent")
        await account.rename("Sent", "Gesendet")
        self.assertEqual(await account.status("Gesendet"), before)
        entries = {entry.name: entry for entry in await account.mailboxes()}
        self.assertEqual(entries["Gesendet"].special_use, "\\Sent")
        self.assertEqual(await self.octets(await account.open("Gesendet"), uid), HELLO)
        await self.refused("NONEXISTENT", account.open("Sent"))

    async def test_inferiors_follow(self) -> None:
        """Inferiors follow at every depth, and only they: ``ab`` is no inferior of ``a``."""
        account = await self.account()
        for name in ("a/b/c", "ab", "a%b"):
            await account.create(name)
        await self.append(HELLO, mailbox="a/b/c")
        await account.rename("a", "x/y")
        names = await self.names()
        self.assertEqual(names[names.index("Trash") + 1 :], ["a%b", "ab", "x", "x/y", "x/y/b", "x/y/b/c"])
        self.assertEqual(await self.contents(await account.open("x/y/b/c")), [HELLO])

    async def test_refusals(self) -> None:
        """Renaming what is not there, onto what is there, or below itself is refused and changes nothing."""
        account = await self.account()
        await account.create("a/b")
        await account.create("z/b")
        names = await self.names()
        await self.refused("NONEXISTENT", account.rename("missing", "new"))
        for target in ("z", "a", "INBOX", "inbox", "Sent"):
            await self.refused("ALREADYEXISTS", account.rename("a", target))
        await self.refused("CANNOT", account.rename("a", "a/c"))
        await self.refused("ALREADYEXISTS", account.rename(INBOX, "Sent"))
        self.assertEqual(await self.names(), names)

    async def test_inferior_in_the_way(self) -> None:
        """When an inferior's new name is taken, nothing is renamed."""
        account = await self.account()
        await account.create("a/b")
        await account.create("z/b")
        await account.delete("z")
        await self.refused("ALREADYEXISTS", account.rename("a", "z"))
        self.assertIn("a/b", await self.names())

    async def test_only_inferiors(self) -> None:
        """A name that only has inferiors can be renamed; they follow."""
        account = await self.account()
        await account.create("a/b")
        await account.delete("a")
        await account.rename("a", "z")
        names = [entry.name for entry in await account.mailboxes()]
        self.assertIn("z/b", names)
        self.assertNotIn("a", names)

    async def test_inbox(self) -> None:
        """Renaming INBOX moves its messages away and leaves it, empty, with its inferiors."""
        account = await self.account()
        await account.create("INBOX/work")
        await self.append(numbered(1), new(numbered(2), [SEEN, "word"]))
        before = await account.status(INBOX)
        await account.rename("inbox", "old/mail")
        after = await account.status(INBOX)
        self.assertEqual((after.messages, after.uidvalidity), (0, before.uidvalidity))
        self.assertEqual((after.mailbox_id, after.uidnext), (before.mailbox_id, before.uidnext))
        moved = await account.open("old/mail")
        self.assertEqual(await self.contents(moved), [numbered(1), numbered(2)])
        self.assertEqual(list((await self.flags(moved)).values()), [frozenset(), {SEEN, "word"}])
        self.assertIn("INBOX/work", await self.names())
        self.assertNotIn("old/mail/work", await self.names())

    async def test_opened_mailbox_goes_on(self) -> None:
        """Who has a mailbox open keeps on working in it while another session renames it."""
        account = await self.account()
        await account.create("a")
        (uid,) = await self.append(HELLO, mailbox="a")
        mailbox = await self.opened("a")
        since = (await mailbox.snapshot()).modseq
        await account.rename("a", "b")
        self.assertEqual(await self.octets(mailbox, uid), HELLO)
        await self.append(HELLO, mailbox="b")
        self.assertEqual(len((await mailbox.changes(since)).messages), 1)
        await mailbox.store([uid], FlagChange.ADD, frozenset({SEEN}))
        self.assertEqual((await account.status("b")).unseen, 1)

    async def test_subscriptions_stay(self) -> None:
        """Subscriptions are by name and do not follow (RFC 9051 section 6.3.6 leaves them alone)."""
        account = await self.account()
        await account.rename("Sent", "Gesendet")
        entries = {entry.name: entry for entry in await account.mailboxes()}
        self.assertEqual((entries["Sent"].subscribed, entries["Sent"].selectable), (True, False))
        self.assertFalse(entries["Gesendet"].subscribed)
