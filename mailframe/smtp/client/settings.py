"""What an SMTP or LMTP client can be told; every option has a default."""

from __future__ import annotations

from typing import Literal

import attrs

from mailframe.config.types import Duration, Size, option

from .phases import Phase


@attrs.frozen(kw_only=True)
class ClientSettings:
    """Options of our clients of SMTP and LMTP. Times are seconds, sizes octets."""

    hostname: str = option("The name we greet servers with.", "localhost", hidden=True)
    connect_timeout: Duration = option("How long a connection may take to come about.", Duration(30.0))
    handshake_timeout: Duration = option("How long a TLS handshake may take.", Duration(60.0))
    greeting_timeout: Duration = option(
        "How long a server may take to greet (RFC 5321 section 4.5.3.2.1).", Duration(300.0)
    )
    hello_timeout: Duration = option(
        "How long a server may take to answer EHLO, STARTTLS, AUTH or RSET.", Duration(300.0)
    )
    mail_timeout: Duration = option(
        "How long a server may take to answer MAIL (RFC 5321 section 4.5.3.2.2).", Duration(300.0)
    )
    rcpt_timeout: Duration = option(
        "How long a server may take to answer RCPT (RFC 5321 section 4.5.3.2.3).", Duration(300.0)
    )
    data_timeout: Duration = option(
        "How long a server may take to ask for the message (RFC 5321 section 4.5.3.2.4).", Duration(120.0)
    )
    block_timeout: Duration = option(
        "How long a server may take to read a piece of the message (RFC 5321 section 4.5.3.2.5).",
        Duration(180.0),
    )
    end_timeout: Duration = option(
        "How long a server may take to accept the message after its end (RFC 5321 section 4.5.3.2.6). A shorter time "
        "makes duplicates: the server may have taken it.",
        Duration(600.0),
    )
    quit_timeout: Duration = option("How long to wait for the answer to QUIT.", Duration(10.0))
    line_ends: Literal["refuse", "normalise"] = option(
        "What becomes of a message with a bare CR or LF: `refuse` it, or make each a line end (`normalise`).",
        "refuse",
        choices=("refuse", "normalise"),
    )
    chunking: bool = option("Send messages by BDAT where the server offers CHUNKING, instead of DATA.", False)
    pipelining: bool = option("Send commands without waiting where the server offers PIPELINING.", True)
    convert: bool = option(
        "Convert 8-bit messages for servers that take 7-bit ones only; otherwise such a message goes back to its "
        "sender. Conversion breaks signatures over the body.",
        True,
    )
    trust_submitter: bool = option(
        "Tell servers that offer AUTH who submitted a message, where its client was trusted to say so (RFC 4954 "
        "section 5).",
        True,
    )
    idle_time: Duration = option(
        "How long a connection is kept for the next message; less than servers wait.",
        Duration(30.0),
        minimum=0,
    )
    messages_per_connection: int = option("Messages sent over one connection.", 100, minimum=1)
    recipients_per_transaction: int = option(
        "Recipients of a message that are sent together; the others follow in further transactions. 0: as many as "
        "the server takes.",
        0,
        minimum=0,
    )
    connections: int = option("Connections to one server at the same time, in each worker.", 10, minimum=1)
    waiting: int = option(
        "Messages that may wait for a connection to one server, in each worker.", 1000, minimum=0
    )
    wait_timeout: Duration = option("How long a message may wait for a connection.", Duration(300.0))
    chunk: Size = option(
        "Octets of a chunk of BDAT.", Size(256 * 1024), minimum=1024, maximum=64 * 1024 * 1024
    )

    def timeout(self, phase: Phase) -> float:
        """Seconds that a phase may take; within `Phase.BLOCK`, since the server last read something."""
        return float(getattr(self, _TIMEOUTS.get(phase, "hello_timeout")))


_TIMEOUTS = {
    Phase.CONNECT: "connect_timeout",
    Phase.HANDSHAKE: "handshake_timeout",
    Phase.GREETING: "greeting_timeout",
    Phase.MAIL: "mail_timeout",
    Phase.RCPT: "rcpt_timeout",
    Phase.DATA: "data_timeout",
    Phase.BLOCK: "block_timeout",
    Phase.END: "end_timeout",
    Phase.QUIT: "quit_timeout",
}
