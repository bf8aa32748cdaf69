"""What is answered is on stable storage: a disk that forgets what was not flushed, at any moment."""

from __future__ import annotations

import shutil

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.message.content import Content
from mailframe.store.sqlite.contents import PIECE
from mailframe.store.values import Delivery, FlagChange, Item, NewMessage
from tests.store.maildir.fixture import ALICE, BOB, numbered

from .fixture import OPTIONS
from .forgetful import ForgetfulCase


class PowerTests(ForgetfulCase):
    """After an answer the power may go."""

    def test_the_disk_forgets(self) -> None:
        """The disk of these tests does forget: flags are there a second later."""
        (uid,) = self.append(numbered(1))
        opened = self.opened()
        self.clock.advance(6)
        self.wait(opened.store([uid], FlagChange.ADD, frozenset({"\\Seen"})))
        self.cut_power()
        self.assertEqual(self.flags(), {uid: frozenset()})
        self.wait(self.opened().store([uid], FlagChange.ADD, frozenset({"\\Seen"})))
        self.clock.advance(1)
        self.cut_power()
        self.assertEqual(self.flags(), {uid: frozenset({"\\Seen"})})

    def test_identity(self) -> None:
        """A message that only the journal knows comes back as it was told of: UID, flags, date and EMAILID."""
        self.append(numbered(1))
        message = NewMessage(Content.of(numbered(2)), frozenset({"\\Flagged"}), 1_500_000_000)
        self.wait(self.store.deliver([Delivery(ALICE, message)]))
        before = self.told()
        self.cut_power()
        self.assertEqual(self.told(), before)
        self.assertEqual(list(self.messages().values()), [numbered(1), numbered(2)])
        (third,) = self.append(numbered(3))
        self.assertGreater(third, 1000, "numbers have jumped")
        self.sound()

    def test_shared(self) -> None:
        """A message for several mailboxes and accounts is in all of them."""
        message = NewMessage(Content.of(numbered(3)))
        wanted = [Delivery(ALICE, message), Delivery(ALICE, message, "Sent"), Delivery(BOB, message)]
        self.wait(self.store.deliver(wanted))
        self.cut_power()
        for found in (self.contents(), self.contents("Sent"), self.contents(account=BOB)):
            self.assertEqual(found, [numbered(3)])
        self.sound()

    def test_large(self) -> None:
        """A large message is flushed itself."""
        octets = numbered(1) + b"x" * (2 * PIECE) + b"\r\n"
        self.deliver(octets)
        self.cut_power()
        self.assertEqual(self.contents(), [octets])

    def test_distrusted(self) -> None:
        """After a flush of the file system failed, all that the journal has is written again."""
        self.deliver(numbered(1), numbered(2))
        self.files.break_on("flush_all")
        self.clock.advance(6)
        self.files.mend()
        self.cut_power()
        self.assertEqual(self.contents(), [numbered(1), numbered(2)])
        self.sound()

    def test_removed(self) -> None:
        """What was removed, or moved away, does not come back."""
        self.deliver(*map(numbered, range(4)))
        self.wait(self.opened().remove([1]))
        self.wait(self.opened().move([2], "Sent"))
        self.cut_power()
        self.assertEqual(sorted(self.messages()), [3, 4])
        self.assertEqual(self.contents("Sent"), [numbered(1)])
        self.sound()

    def test_renamed(self) -> None:
        """A mailbox that was renamed has its new name, its messages and their UIDs; a deleted one is gone."""
        account = self.account()
        for name in ("Work", "Doomed"):
            self.wait(account.create(name))
        uids = self.append(numbered(1), numbered(2), mailbox="Work")
        self.wait(account.rename("Work", "Done"))
        self.wait(account.delete("Doomed"))
        self.cut_power()
        names = {entry.name for entry in self.wait(self.account().mailboxes())}
        self.assertEqual(names & {"Work", "Done", "Doomed"}, {"Done"})
        self.assertEqual(self.messages("Done"), dict(zip(uids, [numbered(1), numbered(2)], strict=True)))
        self.sound()

    def told(self) -> list[object]:
        opened = self.opened(read_only=True)
        items = Item.FLAGS | Item.DATE | Item.SIZE | Item.IDENTITY
        messages = self.wait(opened.fetch(list(self.messages()), items))
        return [
            (opened.uidvalidity, each.uid, each.flags, each.internal_date, each.size, each.email_id)
            for each in messages
        ]


class DirectPowerTests(PowerTests):
    """The same without a delivery journal."""

    options = attrs.evolve(OPTIONS, journal=False)


STEPS = st.one_of(
    st.tuples(st.sampled_from(["deliver", "append", "large", "wait"]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["copy", "move", "remove"]), st.integers(0, 5)),
    st.tuples(st.just("cut"), st.floats(0, 1)),
)


class PowerAndModelTests(ForgetfulCase):
    """Whatever is done, and whenever the power goes."""

    @settings(max_examples=25, deadline=None)
    @given(st.lists(STEPS, max_size=12))
    def test_any_time(self, steps: list[tuple[str, float]]) -> None:
        """Every message answered for is there under its UID, what went stays away, and no UID names two."""
        shutil.rmtree(self.directory)
        self.begin_anew()
        wanted: dict[str, dict[int, bytes]] = {"INBOX": {}, "Sent": {}}
        named: dict[tuple[str, int], bytes] = {}
        for number, (step, value) in enumerate([*steps, ("cut", 0.5)]):
            self.do(step, value, number, wanted)
            for mailbox, expected in wanted.items():
                self.assertEqual(self.messages(mailbox), expected)
                for uid, octets in expected.items():
                    self.assertEqual(named.setdefault((mailbox, uid), octets), octets)
        self.sound()

    def do(self, step: str, value: float, number: int, wanted: dict[str, dict[int, bytes]]) -> None:
        inbox, sent = wanted["INBOX"], wanted["Sent"]
        octets = [numbered(1000 * number + place) for place in range(int(value))]
        if step == "deliver":
            self.deliver(*octets)
            new = sorted(set(self.messages()) - set(inbox))
            inbox.update(zip(new, octets, strict=True))
        elif step == "append":
            inbox.update(zip(self.append(*octets), octets, strict=True))
        elif step == "large":
            large = numbered(number) + b"y" * (PIECE // 3) + b"\r\n"
            inbox.update(zip(self.append(large), [large], strict=True))
        elif step == "wait":
            self.clock.advance(2 * value)
        elif step == "cut":
            self.cut_power(value)
        else:
            self.change(step, [uid for place, uid in enumerate(inbox) if place % 3 != value % 3], inbox, sent)

    def change(self, step: str, uids: list[int], inbox: dict[int, bytes], sent: dict[int, bytes]) -> None:
        if step == "remove":
            self.wait(self.opened().remove(uids))
        else:
            copied = self.wait(getattr(self.opened(), step)(uids, "Sent"))
            sent.update(zip(copied.target, [inbox[uid] for uid in copied.source], strict=True))
        if step != "copy":
            for uid in uids:
                del inbox[uid]
