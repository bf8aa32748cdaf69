"""Hosts with personalities: what they say when, and what they made of each message that reached its end."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mailframe.testing.smtp_server import DROP, SILENCE, Answer, Delayed, ScriptedServer

from .sky import Sky

TAKEN, REFUSED, EXPIRED = "taken", "refused", "expired"
MINUTE = 60.0


class Host(ScriptedServer):
    """A server that asks its mood before it answers.

    Args:
        sky: where it lives.
        mood: its answer to a step, None for the usual one.

    Attributes:
        seen: when each recipient was named first.
        taken: how often it had said yes to a message for a recipient, at its end.
        unanswered: how often a message for a recipient had come to its end, and nothing was said.
    """

    def __init__(self, sky: Sky, mood: Mood, keywords: tuple[str, ...] = ()) -> None:
        super().__init__(("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", *keywords), clock=sky.clock)
        self.now = sky.clock.seconds
        self.born = self.now()
        self.mood = mood
        self.seen: dict[str, float] = {}
        self.taken: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.times: dict[str, float] = {}

    @property
    def age(self) -> float:
        """Seconds since the beginning."""
        return self.now() - self.born

    @property
    def line(self) -> str:
        """What was said to it last."""
        return self.said[-1] if self.said else ""

    def answer(self, step: str) -> Answer | None:
        """What is said to a step; the end of a message is noted."""
        found = self.mood(self, step)
        if step == "END":
            names = [text.split(">")[0].removeprefix("<") for text in self.messages[-1].rcpts]
            if found is DROP or found is SILENCE:
                self.unanswered.update(names)
            elif found is None or isinstance(found, Delayed) or str(found).startswith("2"):
                self.taken.update(names)
                self.times.update(dict.fromkeys(names, self.now()))
        return found


Mood = Callable[[Host, str], "Answer | None"]


@dataclass(frozen=True)
class Personality:
    """What becomes of mail for a domain.

    Attributes:
        live: makes its hosts and records, given the sky, the domain and how many seconds its trouble lasts; all
            hosts that it has.
        end: what becomes of a recipient: `TAKEN`, `REFUSED` or `EXPIRED`.
        status: how the status in the notification begins.
        secure: what it takes comes by TLS.
        within: seconds after which it has its mail, from the time that it was sent or that the trouble was over.
    """

    live: Callable[[Sky, str, float], list[Host]]
    end: str = TAKEN
    status: str = ""
    secure: bool = False
    within: float = 1400.0


def _one(make: Callable[[float], Mood], **values: Any) -> Callable[[Sky, str, float], list[Host]]:
    """A domain with one host."""

    def live(sky: Sky, domain: str, trouble: float) -> list[Host]:
        host = Host(sky, make(trouble), **values)
        sky.settle_in(f"mx.{domain}", host)
        sky.domain(domain, f"mx.{domain}")
        return [host]

    return live


def says(step: str, answer: Answer, forever: bool = True) -> Callable[[Sky, str, float], list[Host]]:
    """One answer to a step, for ever or as long as the trouble lasts."""
    return _one(
        lambda trouble: lambda host, at: answer if at == step and (forever or host.age < trouble) else None
    )


def kind(_: Host, step: str) -> None:
    """Takes everything."""


def _greylisting(host: Host, step: str) -> Answer | None:
    first = host.seen.setdefault(host.line, host.now()) if step == "RCPT" else host.now() - 3600
    return "451 4.7.1 Greylisted, come again" if host.now() - first < 5 * MINUTE else None


def _slow(host: Host, step: str) -> Answer | None:
    replies = {
        "CONNECT": "220 Here",
        "MAIL": "250 OK",
        "RCPT": "250 OK",
        "DATA": "354 Go on",
        "END": "250 OK",
    }
    return Delayed(40, replies[step]) if step in replies else None


def _every_third(host: Host, step: str) -> Answer | None:
    return "421 4.3.2 Too many connections" if step == "CONNECT" and len(host.sessions) % 3 == 0 else None


def _every_second(host: Host, step: str) -> Answer | None:
    mails = sum(line.upper().startswith("MAIL") for line in host.said)
    return "421 4.7.0 Enough for this connection" if step == "MAIL" and mails % 2 == 0 else None


def _resets_first(host: Host, step: str) -> Answer | None:
    """The first message that it gets is taken, and the connection ends before the answer."""
    return DROP if step == "END" and len(host.messages) <= 1 else None


def _one_at_a_time(host: Host, step: str) -> Answer | None:
    earlier = len(host.said) > 1 and host.said[-2].upper().startswith("RCPT")
    return "452 4.5.3 Too many recipients" if step == "RCPT" and earlier else None


def _away(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """Nobody listens for a while."""
    hosts = _one(lambda _: kind)(sky, domain, trouble)
    sky.down(f"mx.{domain}", silent=trouble % 2 < 1)
    sky.clock.callLater(trouble, sky.up, f"mx.{domain}", hosts[0])
    return hosts


def _dead(sky: Sky, domain: str, trouble: float) -> list[Host]:
    hosts = _one(lambda _: kind)(sky, domain, trouble)
    sky.down(f"mx.{domain}", silent=trouble % 2 < 1)
    return hosts


def _second_host(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """The best host is down, the next one is kind."""
    hosts = [Host(sky, kind), Host(sky, kind)]
    for number, host in enumerate(hosts):
        sky.settle_in(f"mx{number}.{domain}", host)
    sky.down(f"mx0.{domain}", silent=True)
    sky.domain(domain, f"mx0.{domain}", f"mx1.{domain}")
    return hosts


def _no_names(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """The DNS does not work for a while."""
    hosts = _one(lambda _: kind)(sky, domain, trouble)
    sky.names.servfail(domain)
    sky.clock.callLater(trouble, sky.names.heal, domain)
    return hosts


def _nowhere(sky: Sky, domain: str, trouble: float) -> list[Host]:
    return []


def _null_mx(sky: Sky, domain: str, trouble: float) -> list[Host]:
    sky.names.zones.mx(domain, "")
    return []


def _wrong_certificate(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """The configuration wants it verified, and it is for somebody else."""
    hosts = _one(lambda _: kind, keywords=("STARTTLS",))(sky, domain, trouble)
    sky.verified.add(domain)
    sky.contexts.certificates[f"mx.{domain}"] = b"somebody else"
    return hosts


def _clear_text(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """Somebody has taken STARTTLS out of its reply, and its TLSA records tell."""
    hosts = _one(lambda _: kind)(sky, domain, trouble)
    _publish(sky, domain, f"mx.{domain}".encode())
    return hosts


def _tlsa(of: bytes | None, mended: bool = False) -> Callable[[Sky, str, float], list[Host]]:
    """TLSA records of its certificate, or of another; perhaps it gets the right one when the trouble is over."""

    def live(sky: Sky, domain: str, trouble: float) -> list[Host]:
        hosts = _one(lambda _: kind, keywords=("STARTTLS",))(sky, domain, trouble)
        own = f"mx.{domain}".encode()
        _publish(sky, domain, own if of is None else of)
        if mended:
            sky.clock.callLater(trouble, _publish, sky, domain, own)
        return hosts

    return live


def _publish(sky: Sky, domain: str, certificate: bytes) -> None:
    sky.names.zones.sign(domain)
    record = b"\x03\x01\x01" + hashlib.sha256(certificate).digest()
    sky.names.zones.tlsa(f"_25._tcp.mx.{domain}", record)


def _no_tlsa(sky: Sky, domain: str, trouble: float) -> list[Host]:
    """Somebody swallows the questions for TLSA records, for a while."""
    hosts = _tlsa(None)(sky, domain, trouble)
    sky.names.timeout(f"_25._tcp.mx.{domain}")
    sky.clock.callLater(trouble, sky.names.heal, f"_25._tcp.mx.{domain}")
    return hosts


PERSONALITIES: dict[str, Personality] = {
    "kind": Personality(_one(lambda _: kind), within=1),
    "takes notifications over": Personality(_one(lambda _: kind, keywords=("DSN",)), within=1),
    "greylisting": Personality(_one(lambda _: _greylisting)),
    "slow": Personality(_one(lambda _: _slow)),
    "busy for a while": Personality(says("CONNECT", "421 4.3.2 Busy", False)),
    "full for a while": Personality(says("RCPT", "452 4.2.2 Full", False)),
    "sender unknown for a while": Personality(says("MAIL", "451 4.1.8 Who?", False)),
    "drops in the middle of DATA for a while": Personality(says("BLOCK", DROP, False)),
    "silent for a while": Personality(says("CONNECT", SILENCE, False)),
    "resets before the reply": Personality(_one(lambda _: _resets_first)),
    "resets before the reply for a while": Personality(says("END", DROP, False)),
    "refuses the third connection": Personality(_one(lambda _: _every_third)),
    "ends every second connection": Personality(_one(lambda _: _every_second)),
    "takes one recipient at a time": Personality(_one(lambda _: _one_at_a_time)),
    "away for a while": Personality(_away),
    "best host is down": Personality(_second_host, within=60),
    "DNS fails for a while": Personality(_no_names),
    "TLSA": Personality(_tlsa(None), secure=True, within=1),
    "TLSA mismatch for a while": Personality(_tlsa(b"another", mended=True), secure=True),
    "TLSA swallowed for a while": Personality(_no_tlsa, secure=True),
    "knows nobody": Personality(says("RCPT", "550 5.1.1 No such user"), REFUSED, "5.1.1"),
    "hates our content": Personality(says("END", "554 5.7.1 Spam"), REFUSED, "5.7.1"),
    "takes no mail": Personality(says("CONNECT", "521 Never"), REFUSED, "5.3.2"),
    "no such domain": Personality(_nowhere, REFUSED, "5.1.2"),
    "null MX": Personality(_null_mx, REFUSED, "5.1.10"),
    "dead": Personality(_dead, EXPIRED, "5.4.7"),
    "tarpit": Personality(says("CONNECT", SILENCE), EXPIRED, "5.4.7"),
    "hates us": Personality(says("CONNECT", "554 5.7.1 Go away"), EXPIRED, "5.4.7"),
    "drops in the middle of DATA": Personality(says("BLOCK", DROP), EXPIRED, "5.4.7"),
    "resets before every reply": Personality(says("END", DROP), EXPIRED, "5.4.7"),
    "wrong certificate": Personality(_wrong_certificate, EXPIRED, "5.4.7"),
    "TLSA mismatch": Personality(_tlsa(b"another"), EXPIRED, "5.4.7"),
    "TLSA without STARTTLS": Personality(_clear_text, EXPIRED, "5.4.7"),
}
