"""What hypothesis makes up: POP3 sessions of one account, and others that change its INBOX meanwhile.

- A session sees what there was when it logged in, in that order, until its end (RFC 1939 section 3).
- Only what is marked when the client says QUIT is removed, and nothing where it never says it.
- A unique-id names the same message for ever, in every session (RFC 1939 section 7).
- Where the maildrop is locked there is one session at a time.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from mailframe.message.content import Content
from mailframe.store.values import (
    FLAGGED,
    INBOX,
    Delivery,
    FlagChange,
    NewMessage,
    TakenMailbox,
    TakenMessage,
)
from mailframe.testing.store.fixture import ALICE

from .ground import LINES, Ground, Mail, Visit, finished, top, unstuffed

WHO = st.integers(0, 1)
PLACE = st.integers(0, 9)
NUMBER = st.integers(1, 7)
VISITS_LIMIT = 2
_DELETED = frozenset({"\\Deleted"})
"""A flag that means nothing to POP3."""
_SOMEBODY = precondition(lambda self: self.visits)
_SOMETHING = precondition(lambda self: self.inbox)


class OthersRules(Ground):
    """What comes and goes beside POP3."""

    _elsewhere = 0

    @initialize()
    def begin(self) -> None:
        """Some messages, and a mailbox for others."""
        self.done(lambda account: account.create("Elsewhere"))
        for number in range(3):
            self.deliver(self.new_octets([b"One", b".", b"Two"][:number], number > 0))

    @rule(lines=LINES, way=st.sampled_from(["deliver", "append", "take over"]))
    def arrive(self, lines: list[bytes], way: str) -> None:
        """A message comes: from outside, from a client of IMAP with a flag, from another server with a name."""
        octets = self.new_octets(lines, bool(lines))
        content = Content.of(octets)
        if way == "deliver":
            self.deliver(octets)
        elif way == "append":
            flags = frozenset({FLAGGED})
            self.done(lambda account: account.append(INBOX, [NewMessage(content, flags)]))
            self.arrived(octets, flags)
        else:
            uidl = f"named-{len(self.named)}"
            message = TakenMessage(content, uidl=uidl)
            self.done(lambda account: account.take_over(INBOX, TakenMailbox(), [message]))
            self.arrived(octets, uidl=uidl)

    def deliver(self, octets: bytes) -> None:
        """A message comes from outside."""
        message = NewMessage(Content.of(octets))
        assert all(one.success for one in finished(self.store().deliver([Delivery(ALICE, message)])))
        self.arrived(octets)

    @_SOMETHING
    @rule(place=PLACE, how=st.sampled_from(["remove", "remove", "move", "move", "copy", "flag", "rename"]))
    def change(self, place: int, how: str) -> None:
        """A client of IMAP does something with a message, or renames INBOX: then all go elsewhere and it stays."""
        mail = self.some(place)
        if how == "rename":
            self._elsewhere += 1
            self.done(lambda account: account.rename(INBOX, f"Old {self._elsewhere}"))
            self.removed(self.inbox)
        elif how == "move":
            self.with_inbox(lambda mailbox: mailbox.move([mail.uid], "Elsewhere"))
            self.removed([mail])
        elif how == "remove":
            self.with_inbox(lambda mailbox: mailbox.remove([mail.uid]))
            self.removed([mail])
        elif how == "copy":
            self.with_inbox(lambda mailbox: mailbox.copy([mail.uid], INBOX))
            self.arrived(mail.octets, mail.flags)
        else:
            self.with_inbox(lambda mailbox: mailbox.store([mail.uid], FlagChange.ADD, _DELETED))
            mail.flags |= _DELETED

    def some(self, place: int) -> Mail:
        """A message."""
        return self.inbox[place % len(self.inbox)]


class SessionsMachine(OthersRules):
    """Clients of POP3."""

    @precondition(lambda self: len(self.visits) < VISITS_LIMIT)
    @rule()
    def come(self) -> None:
        """Log in, if that may be now."""
        client = self.client()
        client.say(f"USER {ALICE}")
        answer = client.say("PASS secret")
        if self.lock and self.visits:
            assert answer.startswith(b"-ERR [IN-USE]"), answer
            client.lose()
            return
        octets = sum(len(mail.octets) for mail in self.inbox)
        assert answer == b"+OK %d messages, %d octets\r\n" % (len(self.inbox), octets), answer
        self.visits.append(Visit(client, tuple(self.inbox)))

    @_SOMEBODY
    @rule(
        who=WHO,
        how=st.sampled_from(["quit", "quit", "hang up", "cut", "silence"]),
        marks=st.sets(NUMBER, max_size=3),
    )
    def end(self, who: int, how: str, marks: set[int]) -> None:
        """A session ends; without QUIT nothing is removed."""
        visit = self.who(who)
        if how == "silence":
            self._fall_silent()
            return
        if how == "cut":
            self.visits.remove(visit)
        elif how == "quit":
            assert visit.client.say("QUIT") == b"+OK Bye\r\n"
            assert visit.client.transport.disconnecting
            self.quit(visit)
        else:
            # DELE and QUIT in one segment; the client hears nothing of it.
            visit.client.say(*(f"DELE {number}" for number in sorted(marks)), "QUIT")
            visit.deleted |= {visit.listing[n - 1] for n in marks if n <= len(visit.listing)}
            self.quit(visit)
        visit.client.lose()

    def _fall_silent(self) -> None:
        """All say nothing for too long."""
        self.clock.advance(601)
        for visit in self.visits:
            assert visit.client.heard().startswith(b"-ERR ")
            assert visit.client.transport.disconnecting
            visit.client.lose()
        self.visits.clear()

    @_SOMEBODY
    @rule(who=WHO)
    def listing(self, who: int) -> None:
        """STAT, LIST and UIDL: what there was at the login, without what is marked."""
        visit = self.who(who)
        sizes = [f"{number} {len(mail.octets)}" for number, mail in visit.left]
        octets = sum(len(mail.octets) for _, mail in visit.left)
        assert visit.client.say("STAT") == b"+OK %d %d\r\n" % (len(sizes), octets)
        assert unstuffed(visit.client.say("LIST")).decode().splitlines() == sizes
        named = [line.split(" ") for line in unstuffed(visit.client.say("UIDL")).decode().splitlines()]
        assert [number for number, _ in named] == [str(number) for number, _ in visit.left]
        for (_, mail), (_, uidl) in zip(visit.left, named, strict=True):
            self.called(mail, uidl)

    @_SOMEBODY
    @rule(who=WHO, number=NUMBER)
    def one(self, who: int, number: int) -> None:
        """LIST and UIDL of one message."""
        visit = self.who(who)
        answers = visit.client.say(f"LIST {number}", f"UIDL {number}").decode().splitlines()
        if not self.there(visit, number):
            assert [answer.split(" ")[0] for answer in answers] == ["-ERR", "-ERR"], answers
            return
        mail = visit.listing[number - 1]
        assert answers[0] == f"+OK {number} {len(mail.octets)}", answers
        self.called(mail, answers[1].removeprefix(f"+OK {number} "))

    @_SOMEBODY
    @rule(who=WHO, number=NUMBER, lines=st.none() | st.integers(0, 4))
    def retrieve(self, who: int, number: int, lines: int | None) -> None:
        """RETR or TOP: the same octets as ever, as long as the message is there."""
        visit = self.who(who)
        answer = visit.client.say(f"RETR {number}" if lines is None else f"TOP {number} {lines}")
        mail = visit.listing[number - 1] if self.there(visit, number) else None
        if mail is None or mail.gone:
            assert answer.startswith(b"-ERR "), answer
            assert answer.endswith(b"\r\n")
            return
        if lines is None:
            visit.retrieved.add(mail)
        assert unstuffed(answer) == (mail.octets if lines is None else top(mail.octets, lines)), answer

    @_SOMEBODY
    @rule(who=WHO, numbers=st.lists(NUMBER, min_size=1, max_size=4))
    def delete(self, who: int, numbers: list[int]) -> None:
        """DELE, of each message once."""
        visit = self.who(who)
        for number in numbers:
            answer = visit.client.say(f"DELE {number}")
            if self.there(visit, number):
                assert answer.startswith(b"+OK"), answer
                visit.deleted.add(visit.listing[number - 1])
            else:
                assert answer.startswith(b"-ERR"), answer

    @_SOMEBODY
    @rule(who=WHO)
    def reset(self, who: int) -> None:
        """RSET."""
        visit = self.who(who)
        assert visit.client.say("RSET").startswith(b"+OK")
        visit.deleted.clear()

    def called(self, mail: Mail, uidl: str) -> None:
        """It has this name, and no other message ever had it."""
        mail.uidl = mail.uidl or uidl
        assert mail.uidl == uidl, f"{mail} is called {uidl}"
        assert self.named.setdefault(uidl, mail) is mail, f"{self.named[uidl]} and {mail} are called {uidl}"

    def who(self, who: int) -> Visit:
        """A session."""
        return self.visits[who % len(self.visits)]

    @staticmethod
    def there(visit: Visit, number: int) -> bool:
        """Is there such a message in the session, not marked deleted?"""
        return number <= len(visit.listing) and not visit.marked(number)
