"""The contract of rights and annotations of mailboxes."""

from __future__ import annotations

from mailframe.store.sharing.entries import ENTRIES_LIMIT, OTHERS_LIMIT, VALUE_LIMIT
from mailframe.store.sharing.rights import ALL, AccessEntry, parse
from mailframe.store.values import INBOX

from .fixture import ALICE, BOB, StoreFixture


class SharingContract(StoreFixture):
    """``IMailAccount.access``, ``set_access``, ``rights``, ``metadata`` and ``set_metadata``."""

    async def test_rights_of_nobody(self) -> None:
        """Where nobody said anything, the owner may do everything and others nothing."""
        account = await self.account()
        self.assertEqual(list(await account.access(INBOX)), [])
        self.assertEqual(await account.rights(INBOX, ALICE), ALL)
        self.assertEqual(await account.rights(INBOX, BOB), frozenset())
        await self.refused("NONEXISTENT", account.access("Nowhere"))
        await self.refused("NONEXISTENT", account.rights("Nowhere", BOB))
        await self.refused("NONEXISTENT", account.set_access("Nowhere", BOB, ALL))

    async def test_given_and_taken(self) -> None:
        """Rights that are given count, also for names in another case, and are gone when they are taken."""
        account = await self.account()
        await account.set_access("Sent", BOB.upper(), parse("lrs"))
        self.assertEqual(list(await account.access("Sent")), [AccessEntry(BOB, parse("lrs"))])
        self.assertEqual(await account.rights("Sent", BOB), parse("lrs"))
        self.assertEqual(await account.rights(INBOX, BOB), frozenset())
        await account.set_access("Sent", BOB, parse("l"))
        self.assertEqual(await account.rights("Sent", BOB), parse("l"))
        await account.set_access("Sent", BOB, None)
        await account.set_access("Sent", BOB, None)
        self.assertEqual(list(await account.access("Sent")), [])

    async def test_anyone_and_negative(self) -> None:
        """Everybody's rights add up with one's own; negative ones take away; the owner always can take back."""
        account = await self.account()
        await account.set_access(INBOX, "anyone", parse("lr"))
        await account.set_access(INBOX, BOB, parse("i"))
        await account.set_access(INBOX, "-" + BOB, parse("r"))
        self.assertEqual(await account.rights(INBOX, BOB), parse("li"))
        await account.set_access(INBOX, "owner", parse("r"))
        self.assertEqual(await account.rights(INBOX, ALICE), parse("lra"))

    async def test_access_follows(self) -> None:
        """Rights stay with a mailbox that is renamed, and are gone with one that is deleted."""
        account = await self.account()
        await account.create("Team")
        await account.set_access("Team", BOB, parse("lr"))
        await account.rename("Team", "Crew")
        self.assertEqual(await account.rights("Crew", BOB), parse("lr"))
        await account.delete("Crew")
        await account.create("Crew")
        self.assertEqual(await account.rights("Crew", BOB), frozenset())

    async def test_inherited(self) -> None:
        """Who has rights on a mailbox has them on those that are made below it, as they are then."""
        account = await self.account()
        await account.create("Team")
        await account.set_access("Team", BOB, parse("lrk"))
        await account.create("Team/a/b")
        self.assertEqual(await account.rights("Team/a/b", BOB), parse("lrk"))
        await account.set_access("Team", BOB, None)
        self.assertEqual(await account.rights("Team/a", BOB), parse("lrk"))
        self.assertEqual(await account.identifiers(), {BOB})

    async def test_access_outlives_sessions(self) -> None:
        """Another session sees what one has set."""
        await (await self.account()).set_access(INBOX, BOB, parse("l"))
        self.assertEqual(len(await (await self.account()).access(INBOX)), 1)

    async def test_identifiers(self) -> None:
        """What cannot be anybody's name is refused."""
        account = await self.account()
        for name in ("", "-", "a\nb", "x" * 300):
            await self.refused("CANNOT", account.set_access(INBOX, name, ALL))

    async def test_annotations(self) -> None:
        """Annotations of a mailbox and of the account are kept, in any case of their names, and removed."""
        account = await self.account()
        await account.set_metadata(INBOX, {"/Shared/Comment": b"ours", "/private/comment": b"\x00mine"})
        await account.set_metadata(None, {"/shared/motd": b"hello"})
        self.assertEqual(
            await account.metadata(INBOX, ["/SHARED/comment", "/private/comment", "/shared/none"]),
            {"/shared/comment": b"ours", "/private/comment": b"\x00mine"},
        )
        self.assertEqual(await account.metadata(None, ["/shared/motd"]), {"/shared/motd": b"hello"})
        await account.set_metadata(INBOX, {"/shared/comment": None, "/shared/none": None})
        self.assertEqual(await account.metadata(INBOX, ["/shared/comment"]), {})

    async def test_depth(self) -> None:
        """Entries below one can be asked for: those right below, or all."""
        account = await self.account()
        names = ["/shared/a", "/shared/a/b", "/shared/a/b/c", "/shared/ab"]
        await account.set_metadata(INBOX, dict.fromkeys(names, b"x"))
        for depth, count in ((0, 1), (1, 2), (-1, 3)):
            self.assertEqual(list(await account.metadata(INBOX, ["/shared/a"], depth)), names[:count])
        self.assertEqual(len(await account.metadata(INBOX, ["/shared"], -1)), 4)

    async def test_private(self) -> None:
        """Private entries are each user's own."""
        account = await self.account()
        await account.set_metadata(INBOX, {"/private/comment": b"hers"})
        await account.set_metadata(INBOX, {"/private/comment": b"his", "/shared/comment": b"ours"}, BOB)
        wanted = ["/private/comment", "/shared/comment"]
        self.assertEqual(set((await account.metadata(INBOX, wanted)).values()), {b"hers", b"ours"})
        self.assertEqual(set((await account.metadata(INBOX, wanted, user=BOB)).values()), {b"his", b"ours"})

    async def test_annotations_follow(self) -> None:
        """Annotations stay with a mailbox that is renamed, and are gone with one that is deleted."""
        account = await self.account()
        await account.create("Team")
        await account.set_metadata("Team", {"/shared/comment": b"x"})
        await account.rename("Team", "Crew")
        self.assertEqual(len(await account.metadata("Crew", ["/shared/comment"])), 1)
        await account.delete("Crew")
        await account.create("Crew")
        self.assertEqual(await account.metadata("Crew", ["/shared/comment"]), {})

    async def test_bounds(self) -> None:
        """Names that cannot be, values that are too long and too many entries are refused, and nothing is set."""
        account = await self.account()
        for name in (
            "comment",
            "/shared",
            "/other/x",
            "/shared/a//b",
            "/shared/a/",
            "/shared/*",
            "/shared/ä",
        ):
            await self.refused("CANNOT", account.set_metadata(INBOX, {name: b"x"}))
        large = {"/shared/a": b"x", "/shared/b": b"x" * (VALUE_LIMIT + 1)}
        await self.refused(f"METADATA MAXSIZE {VALUE_LIMIT}", account.set_metadata(INBOX, large))
        many = {f"/shared/{number}": b"x" for number in range(ENTRIES_LIMIT + 1)}
        await self.refused("METADATA TOOMANY", account.set_metadata(INBOX, many))
        self.assertEqual(await account.metadata(INBOX, ["/shared"], -1), {})
        many = {f"/private/{number}": b"x" for number in range(ENTRIES_LIMIT)}
        for number in range(OTHERS_LIMIT // ENTRIES_LIMIT):
            await account.set_metadata(INBOX, many, f"{number}@example.test")
        await self.refused("METADATA TOOMANY", account.set_metadata(INBOX, {"/private/a": b"x"}, BOB))
        await account.set_metadata(INBOX, {"/private/a": None, "/private/1": None}, "0@example.test")
        # None of that keeps the owner from having hers.
        await account.set_metadata(INBOX, many)
        await account.set_metadata(INBOX, {"/shared/a": b"x"})
        await self.refused("NONEXISTENT", account.set_metadata("Nowhere", {"/shared/a": b"x"}))
        await self.refused("NONEXISTENT", account.metadata("Nowhere", ["/shared/a"]))
