"""One mail transaction: MAIL, RCPT, DATA or BDAT, and what became of each recipient (RFC 5321 section 3.3).

With PIPELINING all commands up to DATA go out at once, and every mixture of answers is understood (RFC 2920 section
3.1). DATA is then on its way before it is known whether any recipient was taken: where none was and the server says
354 nevertheless, content of no octets ends it. Two kinds of transaction wait for the recipients' answers before
they ask for the content: those that must reach all recipients or none, and those by BDAT, whose octets cannot be
called back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailframe.message.status import Status
from mailframe.smtp.wire.replies import Reply

from .core import UNASKED, ClientCore, Dialogue, Lost
from .framing import ChunkFraming, DotFraming
from .phases import Phase

PERHAPS_DELIVERED: Final = Status(
    (4, 4, 2), "The connection was lost after the whole message was sent; it may have arrived"
)
TOO_MANY: Final = Status((4, 5, 3), "Too many recipients in one message", reply_code=452)
OTHERS_DEFERRED: Final = Status((4, 5, 0), "Not sent: another recipient cannot be reached now")
OTHERS_REFUSED: Final = Status((5, 5, 0), "Not sent: another recipient was refused")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a transaction did for one recipient.

    Attributes:
        status: the outcome.
        phase: in which it was decided.
        reply: what decided it; None where the connection was lost or we decided ourselves.
        possibly_delivered: all was sent, and the answer did not come.
        too_many: this recipient may be tried again at once, in another transaction.
    """

    status: Status
    phase: Phase
    reply: Reply | None = None
    possibly_delivered: bool = False
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class Commands:
    """What is said.

    Attributes:
        mail: the MAIL command.
        rcpts: a RCPT command for each recipient, in order.
        chunked: the content goes by BDAT.
        binary: and is BODY=BINARYMIME.
        together: all recipients or none.
    """

    mail: bytes
    rcpts: Sequence[bytes]
    chunked: bool = False
    binary: bool = False
    together: bool = False


class Transaction:
    """One transaction on one connection; used once.

    Args:
        core: the connection.
        commands: what to say.

    Attributes:
        answered: the server answered something of it, other than that it closes: this connection was alive.
        sent: the whole content was sent.
    """

    def __init__(self, core: ClientCore, commands: Commands) -> None:
        self._core = core
        self._commands = commands
        self._verdicts: list[Verdict | None] = [None] * len(commands.rcpts)
        self._accepted: list[int] = []
        self._mail_refused = False
        self._unknown = False
        self.answered = False
        self.sent = False

    def dialogue(self) -> Dialogue[Sequence[Verdict]]:
        """Speak it. Ends with a verdict for each recipient, in order, whatever happens."""
        try:
            yield from self._speak()
        except Lost as lost:
            self._settle_rest(lost.status)
        return [verdict for verdict in self._verdicts if verdict is not None]

    def _speak(self) -> Dialogue[None]:
        core, commands = self._core, self._commands
        if not core.capabilities.pipelining:
            yield from self._one_by_one()
            go_ahead = None
        else:
            ahead = not (commands.chunked or commands.together)
            core.say(commands.mail, *commands.rcpts, *([b"DATA"] if ahead else []))
            self._take_mail((yield from self._reply(Phase.MAIL)))
            for number in range(len(commands.rcpts)):
                self._take_rcpt(number, (yield from self._reply(Phase.RCPT)))
            go_ahead = (yield from self._reply(Phase.DATA)) if ahead else None
        if go_ahead is None:
            if not self._worth_sending():
                return
            if commands.chunked:
                yield from self._send_chunks()
                return
            core.say(b"DATA")
            go_ahead = yield from self._reply(Phase.DATA)
        yield from self._after_data(go_ahead)

    def _one_by_one(self) -> Dialogue[None]:
        self._core.say(self._commands.mail)
        self._take_mail((yield from self._reply(Phase.MAIL)))
        if self._mail_refused:
            return
        for number, command in enumerate(self._commands.rcpts):
            self._core.say(command)
            self._take_rcpt(number, (yield from self._reply(Phase.RCPT)))

    def _reply(self, phase: Phase) -> Dialogue[Reply]:
        reply = yield phase
        assert reply is not None
        self.answered = self.answered or reply.code != 421
        return reply

    # Answers to the envelope.

    def _take_mail(self, reply: Reply) -> None:
        if reply.positive:
            self._core.in_transaction = True
        elif reply.intermediate:
            raise self._core.unexpected()
        else:
            self._mail_refused = True
            self._settle(range(len(self._verdicts)), reply, Phase.MAIL)

    def _take_rcpt(self, number: int, reply: Reply) -> None:
        if reply.intermediate:
            raise self._core.unexpected()
        if self._mail_refused:
            # Whatever is said of recipients without a sender, there is no transaction they could be of.
            return
        if reply.positive:
            self._accepted.append(number)
        elif _too_many(reply):
            status = Status(TOO_MANY.enhanced, reply.status(self._core.host).text, reply_code=452)
            again = bool(self._accepted)
            self._verdicts[number] = Verdict(status, Phase.RCPT, reply, too_many=again)
        else:
            self._settle([number], reply, Phase.RCPT)

    def _worth_sending(self) -> bool:
        """Is there anybody to send to? All or none: then one refusal is enough to send nothing."""
        if not self._accepted:
            return False
        refused = [verdict for verdict in self._verdicts if verdict is not None and not verdict.too_many]
        if not self._commands.together or not refused:
            return True
        temporary = any(verdict.status.temporary for verdict in refused)
        status = OTHERS_DEFERRED if temporary else OTHERS_REFUSED
        self._verdicts = [
            Verdict(status, Phase.RCPT) if verdict is None or verdict.too_many else verdict
            for verdict in self._verdicts
        ]
        return False

    # Content.

    def _after_data(self, reply: Reply) -> Dialogue[None]:
        core = self._core
        if reply.positive or (reply.intermediate and reply.code != 354):
            raise core.unexpected()
        if reply.code != 354:
            self._settle(self._accepted, reply, Phase.DATA)
        elif self._accepted:
            yield from self._send_data()
        elif core.protocol == "lmtp":
            # No recipient, no reply after the dot (RFC 2033 section 4.2); and no 354 either: it is out of step.
            raise core.unexpected()
        else:
            core.send_end()
            yield from self._reply(Phase.END)
            core.in_transaction = False

    def _send_data(self) -> Dialogue[None]:
        core = self._core
        core.open_content(DotFraming())
        early = yield Phase.BLOCK
        if early is not None:
            # Refused in the middle: there is no way to stop but to end the connection without the dot.
            if early.intermediate:
                raise core.unexpected()
            self._settle(self._accepted, early, Phase.BLOCK)
            raise core.unexpected(early.status(core.host))
        yield from self._last_replies()

    def _send_chunks(self) -> Dialogue[None]:
        core, commands = self._core, self._commands
        core.open_content(ChunkFraming(commands.binary))
        while (reply := (yield Phase.BLOCK)) is not None:
            if not self._chunk_taken(reply):
                core.close_content()
                yield from self._drain()
                return
        # What is still to come for the chunks before the last.
        self.sent = self._unknown = True
        while core.outstanding > 1:
            reply = yield from self._reply(Phase.BLOCK)
            if not self._chunk_taken(reply):
                if core.protocol == "lmtp":
                    # One reply to the last chunk or one for each recipient: nobody knows.
                    raise core.unexpected()
                yield from self._drain()
                return
        yield from self._last_replies()

    def _chunk_taken(self, reply: Reply) -> bool:
        if reply.intermediate:
            raise self._core.unexpected()
        if reply.positive:
            return True
        # RFC 3030 section 4.2: a chunk that was refused takes all others with it; RSET follows.
        self._settle(self._accepted, reply, Phase.BLOCK)
        self._unknown = False
        return False

    def _drain(self) -> Dialogue[None]:
        while self._core.outstanding:
            yield from self._reply(Phase.END)

    def _last_replies(self) -> Dialogue[None]:
        core = self._core
        self.sent = self._unknown = True
        if core.protocol == "lmtp":
            core.expect_replies(len(self._accepted) - 1)
            for number in self._accepted:
                reply = yield from self._reply(Phase.END)
                if not reply.intermediate:
                    self._settle([number], reply, Phase.END)
                else:
                    raise core.unexpected()
        else:
            reply = yield from self._reply(Phase.END)
            if reply.intermediate:
                raise core.unexpected()
            self._settle(self._accepted, reply, Phase.END)
        if core.contradicted():
            self._take_back()
            raise core.unexpected(UNASKED)
        self._unknown = False
        core.in_transaction = False

    def _take_back(self) -> None:
        """The server accepted, and refused in the same breath: which of both is about the message nobody knows."""
        for number in self._accepted:
            verdict = self._verdicts[number]
            if verdict is not None and verdict.status.success:
                self._verdicts[number] = None

    # Verdicts.

    def _settle(self, numbers: Sequence[int], reply: Reply, phase: Phase) -> None:
        verdict = Verdict(reply.status(self._core.host), phase, reply)
        for number in numbers:
            if self._verdicts[number] is None:
                self._verdicts[number] = verdict

    def _settle_rest(self, status: Status) -> None:
        """The connection ended: nothing has arrived, unless all was sent and only the answer is missing."""
        phase = self._core.phase
        sent = set(self._accepted) if self._unknown else set()
        for number, verdict in enumerate(self._verdicts):
            if verdict is None:
                unknown = number in sent
                text = f"{PERHAPS_DELIVERED.text} ({status.text})" if unknown else status.text
                found = Status(PERHAPS_DELIVERED.enhanced if unknown else _temporary(status), text)
                self._verdicts[number] = Verdict(found, phase, possibly_delivered=unknown)


def _temporary(status: Status) -> tuple[int, int, int]:
    """Of a connection that ended nothing is permanent, whatever ended it."""
    return 4, status.enhanced[1], status.enhanced[2]


def _too_many(reply: Reply) -> bool:
    """RFC 5321 section 4.5.3.1.10: 452, and of old servers 552, unless it says that it is about space."""
    if reply.code not in (452, 552):
        return False
    return reply.enhanced is None or reply.enhanced[1:] == (5, 3)
