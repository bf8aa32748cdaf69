"""What becomes of a message that came with BODY=BINARYMIME: it consists of lines before anybody behind sees it.

Binary parts are made base64 (`mailframe.message.binary`). What then still has a bare CR or LF was never said to be
binary, and is treated like that in any other message.
"""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool

from mailframe.dialogue.dotstuffing import BARE_IN_CONTENT
from mailframe.dialogue.line_ends import LineEndReader
from mailframe.dialogue.spill import OWN_MEMORY, Spill
from mailframe.message.binary import has_binary, without_binary
from mailframe.message.content import Content
from mailframe.message.mail import MailObject
from mailframe.message.scanner import scan
from mailframe.message.status import STORAGE_FULL, MailframeError

from .settings import SMTPSettings


async def in_lines(mail: MailObject, settings: SMTPSettings, clock: IReactorTime) -> MailObject:
    """The message with its binary parts made base64, and its envelope saying 8BITMIME.

    The content given is discarded; the new one is the caller's.

    Args:
        mail: as received.
        settings: the listener's.
        clock: the reactor; where it has threads, a large message is worked on in one.

    Raises:
        MailframeError: there are bare line ends outside binary parts; or no room.
    """
    body = mail.content.body
    try:
        if IReactorFromThreads.providedBy(clock) and body.size > min(settings.spill_limit, OWN_MEMORY):
            pool = clock.getThreadPool()  # type: ignore[attr-defined]
            content = await deferToThreadPool(clock, pool, _in_lines_blocking, mail.content, settings)
        else:
            content = _in_lines_blocking(mail.content, settings)
    except OSError as error:
        raise MailframeError(STORAGE_FULL, f"cannot keep what is re-encoded: {error}") from error
    finally:
        body.discard()
    envelope = replace(mail.envelope, parameters={**mail.envelope.parameters, "BODY": "8BITMIME"})
    return replace(mail, envelope=envelope, content=content)


def _in_lines_blocking(content: Content, settings: SMTPSettings) -> Content:
    root = scan(content.chunks())
    pieces = without_binary(root, content.chunks()) if has_binary(root) else content.chunks()
    # No more memory than is its own: what messages share is counted in the reactor's thread only.
    spill = Spill(settings.spill_directory, min(settings.spill_limit, OWN_MEMORY))
    lines, tail = LineEndReader(settings.line_ends), b""
    try:
        for piece in pieces:
            octets = lines.feed(piece)
            spill.write(octets)
            tail = (tail + octets[-2:])[-2:]
        rest = lines.finish()
        if (tail + rest)[-2:] not in (b"", b"\r\n"):
            rest += b"\r\n"
        spill.write(rest)
    except BaseException:
        spill.discard()
        raise
    if lines.refused:
        spill.discard()
        raise MailframeError(BARE_IN_CONTENT)
    return spill.finish()
