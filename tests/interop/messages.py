"""Real-looking messages: UTF-8 headers, attachments, 8-bit, dot lines, long lines, and one of 5 MB."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

COUNT = 200
SUBJECTS = (
    "Minutes of Tuesday",
    "Grüße aus Zürich",
    "請求書 2026-11",
    "Re: Ответ на ваш вопрос",
    "✈ Tickets — and a long subject " + "that has to be folded more than once " * 4,
    "",
)
TEXTS = (
    "Hello,\n\nplain and short.\n",
    ".\n..\n...\n. leading dots\n.leading\n",
    "Schöne Grüße, ça va? Ελληνικά.\n" * 20,
    "From the start of a line\n>From quoted\n\n\n\ntrailing blank lines\n\n\n",
    "word " * 190 + "\n",
    "\n",
)
LARGE = 5 * 1024 * 1024


def messages(seed: int = 1) -> list[bytes]:
    """`COUNT` messages with CRLF line ends, the same ones for the same seed; each has an ``X-Number`` field."""
    chance = random.Random(seed)
    return [_message(number, chance) for number in range(COUNT)]


def _message(number: int, chance: random.Random) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = chance.choice(("Bob Example <bob@example.test>", "Jörg Müller <joerg@sender.test>"))
    message["To"] = "Alice <alice@example.test>"
    message["Subject"] = chance.choice(SUBJECTS)
    sent = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    message["Date"] = format_datetime(sent)
    message["Message-ID"] = f"<{number}.{chance.randrange(10**9)}@sender.test>"
    message["X-Number"] = str(number)
    encoding = chance.choice(("8bit", "quoted-printable", "base64"))
    message.set_content(chance.choice(TEXTS), cte=encoding)
    if number % 3 == 0:
        message.add_alternative("<p>Größe &amp; Gewicht</p>\n" * 5, subtype="html", cte="quoted-printable")
    if number % 4 == 0:
        octets = chance.randbytes(LARGE * 3 // 4 if number == 100 else chance.randrange(1, 60_000))
        message.add_attachment(octets, "application", "octet-stream", filename=f"Übersicht {number}.bin")
    if number % 10 == 1:
        inner = EmailMessage(policy=SMTP)
        inner["Subject"] = "forwarded ✉"
        inner.set_content("inside\n.\n")
        message.add_attachment(inner)
    return message.as_bytes()
