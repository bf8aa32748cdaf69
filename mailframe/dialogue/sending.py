"""Replies go into the socket at once when nothing waits before them.

A Twisted transport keeps what is written until the reactor says that the socket takes it: two system calls to ask,
and a turn of the loop to hear. A reply of thirty octets nearly always fits. Measured with twenty SMTP sessions: 0.05
of 0.44 ms of processor time a message.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.tcp import Connection


def send_now(transport: Any, data: bytes) -> bytes:
    """Send as much as the socket takes now, if the transport is plain TCP and holds nothing back.

    Args:
        transport: of whatever kind.
        data: what is to be sent.

    Returns:
        What was not sent and must be written the usual way: everything, for other transports, for those with
        octets waiting, and when the connection is failing (the reactor then finds out and says so).
    """
    # The second buffer has no public name; without one this does nothing, and all goes the usual way.
    if not isinstance(transport, Connection) or transport.dataBuffer:
        return data
    if getattr(transport, "_tempDataLen", None) != 0:
        return data
    # After STARTTLS the transport is the same object, and only its `write` goes through TLS.
    if transport.TLS or not transport.connected or transport.disconnecting:
        return data
    sent, view = 0, memoryview(data)
    while sent < len(data):
        # A transport sends 128 KiB at a time, and sockets often take more.
        more = transport.writeSomeData(cast(bytes, view[sent:]))
        if not isinstance(more, int) or more <= 0:
            break
        sent += more
    return data[sent:] if sent else data
