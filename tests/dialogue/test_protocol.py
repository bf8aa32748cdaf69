"""One conversation over a transport: order, bounds, times, ends."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.dialogue.buffer import ReceiveBuffer
from mailframe.dialogue.connection import LINGER
from mailframe.dialogue.interfaces import NEED_DATA, IConnection, IConversation
from mailframe.dialogue.protocol import BUFFER_LIMIT, LINGER_OCTETS, DialogueProtocol
from mailframe.message.status import ProtocolError


@implementer(IConversation)
class Echo:
    """Answers each line with itself; ``wait`` waits, ``break`` fails, ``quit`` ends, ``big`` fills the pipe."""

    def __init__(self) -> None:
        self.connection: IConnection = cast(IConnection, None)
        self.waiting: list[Deferred[None]] = []
        self.cancelled = 0
        self.ended = 0
        self.errors: list[ProtocolError] = []
        self.log: list[str] = []
        self.handled = 0

    async def opened(self, connection: IConnection) -> None:
        self.connection = connection
        connection.write(b"hello\r\n")

    def next_event(self, buffer: ReceiveBuffer) -> object:
        line = buffer.take_line(1000)
        return NEED_DATA if line is None else line

    async def handle(self, event: object) -> None:
        line = cast(bytes, event)
        self.handled += 1
        if line.startswith(b"wait"):
            waiting: Deferred[None] = Deferred()
            self.waiting.append(waiting)
            try:
                await waiting
            except CancelledError:
                self.cancelled += 1
                raise
        if line == b"break":
            raise ValueError("private detail")
        if line == b"big":
            for _ in range(10):
                self.connection.write(b"x" * 100_000)
                await self.connection.drained()
        self.connection.write(line + b"\r\n")
        if line == b"quit":
            self.connection.close()

    def protocol_error(self, error: ProtocolError) -> None:
        self.errors.append(error)
        self.connection.write(b"error\r\n")

    def internal_error(self, failure: Failure) -> None:
        self.connection.write(b"broken\r\n")

    def timed_out(self) -> None:
        self.connection.write(b"bye\r\n")

    def closed(self) -> None:
        self.ended += 1


class HalfClosing(StringTransport):
    """A transport that can be closed in one direction, as TCP's."""

    half_closed = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True


def connect(
    transport: StringTransport | None = None,
) -> tuple[Echo, DialogueProtocol, StringTransport, Clock]:
    """A conversation with its connection."""
    echo, clock, transport = Echo(), Clock(), transport or StringTransport()
    protocol = DialogueProtocol(echo, clock, timeout=60.0)
    protocol.makeConnection(transport)
    transport.clear()
    return echo, protocol, transport, clock


def lose(protocol: DialogueProtocol) -> None:
    protocol.connectionLost(Failure(ConnectionDone()))


class OrderTests(SynchronousTestCase):
    """Replies come in the order of commands."""

    def test_interfaces(self) -> None:
        """The protocol is what conversations are promised."""
        echo, protocol, _, _ = connect()
        verifyObject(IConnection, protocol)
        verifyObject(IConversation, echo)

    @given(st.lists(st.sampled_from([b"a", b"b", b"wait1", b"wait2"]), max_size=20), st.data())
    def test_pipelined(self, lines: list[bytes], data: st.DataObject) -> None:
        """Commands sent at once, cut anywhere, some of them slow, are answered one by one and in order."""
        echo, protocol, transport, _ = connect()
        octets = b"".join(line + b"\r\n" for line in lines)
        while octets:
            size = data.draw(st.integers(1, len(octets)))
            protocol.dataReceived(octets[:size])
            octets = octets[size:]
            if echo.waiting and data.draw(st.booleans()):
                echo.waiting.pop().callback(None)
            self.assertLessEqual(len(echo.waiting), 1)
        while echo.waiting:
            echo.waiting.pop().callback(None)
        self.assertEqual(transport.value().split(b"\r\n")[:-1], lines)

    def test_error_in_the_middle(self) -> None:
        """A failure of ours is told without details, logged once, and the dialogue goes on."""
        _, protocol, transport, _ = connect()
        protocol.dataReceived(b"a\r\nbreak\r\nb\r\n")
        self.assertEqual(transport.value(), b"a\r\nbroken\r\nb\r\n")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_bare_line_end(self) -> None:
        """A bare LF is an error of its line; what is behind it up to CRLF is no line of its own."""
        echo, protocol, transport, _ = connect()
        protocol.dataReceived(b"a\nb\r\nc\r\n")
        self.assertEqual(transport.value(), b"error\r\nerror\r\nc\r\n")
        self.assertFalse(echo.errors[0].fatal)

    def test_quit_then_more(self) -> None:
        """What comes behind the end is not looked at."""
        echo, protocol, transport, _ = connect()
        protocol.dataReceived(b"quit\r\na\r\n")
        protocol.dataReceived(b"b\r\n")
        self.assertEqual(transport.value(), b"quit\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertEqual(echo.handled, 1)


class BoundsTests(SynchronousTestCase):
    """Nothing that a peer does makes memory grow without limit."""

    def test_flood_of_small_commands(self) -> None:
        """200,000 pipelined commands are answered without more than the buffer's limit waiting."""
        _, protocol, transport, clock = connect()
        sent = answered = 0
        chunk = b"NOOP\r\n" * 10_000
        while answered < 200_000:
            if transport.producerState == "producing" and sent < 200_000:
                protocol.dataReceived(chunk)
                sent += 10_000
            self.assertLessEqual(protocol.buffered(), BUFFER_LIMIT + len(chunk))
            clock.advance(0)
            answered += transport.value().count(b"\r\n")
            transport.clear()
        self.assertEqual(answered, 200_000)

    def test_flood_leaves_room_for_others(self) -> None:
        """A flood is answered in turns, between which the reactor serves other connections."""
        echo, protocol, _, clock = connect()
        protocol.dataReceived(b"a\r\n" * 1000)
        self.assertLess(echo.handled, 1000)
        clock.pump([0] * 5)
        self.assertEqual(echo.handled, 1000)

    def test_reading_pauses(self) -> None:
        """While a command waits, a full buffer stops reading; it goes on when there is room."""
        echo, protocol, transport, clock = connect()
        protocol.dataReceived(b"wait\r\n")
        protocol.dataReceived(b"NOOP\r\n" * 20_000)
        self.assertEqual(transport.producerState, "paused")
        echo.waiting.pop().callback(None)
        clock.pump([0] * 100)
        self.assertEqual(transport.producerState, "producing")
        self.assertEqual(echo.handled, 20_001)

    def test_slow_reader(self) -> None:
        """A long answer waits for a peer that does not read, and goes on when it does."""
        echo, protocol, transport, _ = connect()
        producer = transport.producer
        producer.pauseProducing()
        protocol.dataReceived(b"big\r\nnext\r\n")
        self.assertEqual(len(transport.value()), 100_000)
        self.assertEqual(echo.handled, 1)
        producer.resumeProducing()
        self.assertEqual(len(transport.value()), 1_000_000 + len(b"big\r\nnext\r\n"))

    def test_short_answers_to_a_slow_reader(self) -> None:
        """Who does not read the answers gets no more of them: they would pile up in memory."""
        echo, protocol, transport, _ = connect()
        producer = transport.producer
        producer.pauseProducing()
        protocol.dataReceived(b"a\r\n" * 100)
        self.assertEqual(echo.handled, 1)
        producer.resumeProducing()
        self.assertEqual(echo.handled, 100)

    def test_a_megabyte_without_line_end(self) -> None:
        """An endless line is refused as soon as it is too long; the rest of it is thrown away."""
        echo, protocol, transport, _ = connect(HalfClosing())
        for _ in range(16):
            protocol.dataReceived(b"x" * 65536)
            self.assertEqual(protocol.buffered(), 0)
        self.assertEqual(transport.value(), b"error\r\n")
        self.assertTrue(echo.errors[0].fatal)
        self.assertTrue(cast(HalfClosing, transport).half_closed)
        self.assertFalse(transport.disconnected)

    def test_endless_flood_after_the_end(self) -> None:
        """A peer that goes on sending after a fatal error is cut off."""
        _, protocol, transport, _ = connect(HalfClosing())
        for _ in range(LINGER_OCTETS // 65536 + 2):
            if not transport.disconnected:
                protocol.dataReceived(b"x" * 65536)
        self.assertTrue(transport.disconnected)


class TimeTests(SynchronousTestCase):
    """A silent peer is told so, and sent away."""

    def test_silence(self) -> None:
        """After the time allowed the peer hears last words, and the connection ends."""
        _, _, transport, clock = connect()
        clock.advance(59.9)
        self.assertEqual(transport.value(), b"")
        clock.advance(0.2)
        self.assertEqual(transport.value(), b"bye\r\n")
        self.assertTrue(transport.disconnecting)
        self.assertFalse(transport.disconnected)
        clock.advance(LINGER + 1)
        self.assertTrue(transport.disconnected)

    def test_commands_give_time(self) -> None:
        """Each command starts the time again; single octets do not."""
        _, protocol, transport, clock = connect()
        clock.advance(50)
        protocol.dataReceived(b"a\r\n")
        transport.clear()
        for _ in range(5):
            clock.advance(10)
            protocol.dataReceived(b"x")
        self.assertEqual(transport.value(), b"")
        clock.advance(11)
        self.assertEqual(transport.value(), b"bye\r\n")

    def test_our_own_time(self) -> None:
        """While the server works the peer is not blamed for it."""
        echo, protocol, transport, clock = connect()
        protocol.dataReceived(b"wait\r\n")
        clock.pump([30] * 20)
        self.assertEqual(transport.value(), b"")
        echo.waiting.pop().callback(None)
        clock.advance(59)
        self.assertEqual(transport.value(), b"wait\r\n")
        clock.advance(61)
        self.assertEqual(transport.value(), b"wait\r\nbye\r\n")

    def test_shorter_time(self) -> None:
        """A conversation may ask for less time than it began with, and for more."""
        echo, _, transport, clock = connect()
        echo.connection.set_timeout(5)
        clock.advance(4)
        echo.connection.set_timeout(300)
        clock.pump([100, 100, 99])
        self.assertEqual(transport.value(), b"")
        clock.advance(2)
        self.assertEqual(transport.value(), b"bye\r\n")

    def test_last_words_get_their_time(self) -> None:
        """A connection closed just before its time-out still has the whole time to take the last words."""
        _, protocol, transport, clock = connect()
        clock.advance(59)
        protocol.dataReceived(b"quit\r\n")
        clock.advance(LINGER - 1)
        self.assertFalse(transport.disconnected)
        clock.advance(2)
        self.assertTrue(transport.disconnected)

    def test_slow_reader_runs_out_of_time(self) -> None:
        """A peer that never reads the answer is sent away, too."""
        _, protocol, transport, clock = connect()
        transport.producer.pauseProducing()
        protocol.dataReceived(b"big\r\n")
        clock.advance(61)
        self.assertTrue(transport.disconnecting)


class LossTests(SynchronousTestCase):
    """A lost connection leaves nothing behind."""

    def test_cancelled(self) -> None:
        """What waits for a peer that is gone is cancelled; the conversation hears of the end once."""
        echo, protocol, _, clock = connect()
        protocol.dataReceived(b"wait\r\na\r\n")
        lose(protocol)
        self.assertEqual((echo.cancelled, echo.ended, echo.handled), (1, 1, 1))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_lost_while_taking_turns(self) -> None:
        """A connection lost in the middle of a flood stops the answers."""
        echo, protocol, _, clock = connect()
        protocol.dataReceived(b"a\r\n" * 1000)
        lose(protocol)
        clock.advance(1)
        self.assertLess(echo.handled, 1000)
        self.assertEqual(echo.ended, 1)

    def test_lost_while_writing(self) -> None:
        """A connection lost while a slow reader is waited for ends the answer."""
        echo, protocol, transport, clock = connect()
        transport.producer.pauseProducing()
        protocol.dataReceived(b"big\r\n")
        lose(protocol)
        self.assertEqual(echo.ended, 1)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_failing_after_the_loss(self) -> None:
        """A failure while giving things back is logged, not told to anybody."""
        echo, protocol, transport, _ = connect()

        async def stubborn(event: object) -> None:
            try:
                await Deferred()
            except CancelledError:
                raise ValueError("late") from None

        echo.handle = stubborn  # type: ignore[method-assign]
        protocol.dataReceived(b"a\r\n")
        lose(protocol)
        self.assertEqual(transport.value(), b"")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class CloseTests(SynchronousTestCase):
    """Ends that we decide."""

    def test_lingering(self) -> None:
        """A lingering end still reads, and throws away; a plain one does not."""
        echo, protocol, transport, clock = connect(HalfClosing())
        echo.connection.close(lingering=True)
        self.assertTrue(cast(HalfClosing, transport).half_closed)
        self.assertFalse(transport.disconnecting)
        protocol.dataReceived(b"a\r\n")
        self.assertEqual(echo.handled, 0)
        clock.advance(LINGER + 1)
        self.assertTrue(transport.disconnected)
        echo, protocol, transport, _ = connect(HalfClosing())
        echo.connection.close()
        self.assertFalse(cast(HalfClosing, transport).half_closed)
        self.assertTrue(transport.disconnecting)


class FinishTests(SynchronousTestCase):
    """The service goes away."""

    def test_between_commands(self) -> None:
        """A connection that waits for its peer ends; one that is busy is asked again."""
        echo, protocol, transport, _ = connect()
        protocol.dataReceived(b"wait\r\n")
        self.assertFalse(protocol.finish())
        echo.waiting.pop().callback(None)
        self.assertTrue(protocol.finish())
        self.assertTrue(transport.disconnecting)
        self.assertTrue(protocol.finish())
