"""What notices say to people: plain English, one sentence for each thing that may have happened."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from mailframe.message.dates import format_date
from mailframe.message.dsn import Action, RecipientReport, one_line

WIDTH: Final = 76
"""Characters in a line."""
NAMED_LIMIT: Final = 200
"""Characters of a subject that are repeated."""

_ORDER: Final = (Action.FAILED, Action.DELAYED, Action.DELIVERED, Action.RELAYED, Action.EXPANDED)
_SUBJECTS: Final = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was passed on",
    Action.EXPANDED: "Your message was sent to a list",
}
_OPENINGS: Final = {
    Action.FAILED: "Your message could not be delivered to these recipients. It is not tried again for them:",
    Action.DELAYED: "Your message has not reached these recipients yet. You need not send it again; it is still being"
    " tried{until}:",
    Action.DELIVERED: "Your message was delivered to:",
    Action.RELAYED: "Your message was passed on for these recipients, to a host that does not tell whether it"
    " arrives:",
    Action.EXPANDED: "Your message was sent on to the members behind these addresses:",
}
# Subject and detail of RFC 3463, as IANA lists them; a host's own words follow.
_REASONS: Final = {
    (1, 1): "There is no such mailbox.",
    (1, 2): "There is no such domain, or it takes no mail.",
    (1, 3): "This is not a valid mail address.",
    (1, 6): "The mailbox has moved.",
    (1, 10): "The domain takes no mail at all.",
    (2, 0): "There is a problem with the mailbox.",
    (2, 1): "The mailbox takes no mail.",
    (2, 2): "The mailbox is full.",
    (2, 3): "The message is larger than the mailbox takes.",
    (3, 1): "The receiving host has no room for mail.",
    (3, 4): "The message is larger than the receiving host takes.",
    (4, 1): "No host of the recipient's domain answers.",
    (4, 2): "The connection to the receiving host breaks down.",
    (4, 3): "The domain's addresses cannot be looked up.",
    (4, 4): "There is no way to the recipient's domain.",
    (4, 6): "The mail goes round in circles.",
    (4, 7): "It took too long.",
    (6, 7): "The receiving host does not take internationalised mail addresses.",
    (7, 1): "The receiving host refuses the message.",
    (7, 10): "The message has to travel encrypted, and the receiving host cannot do that.",
    (7, 30): "The message has to travel encrypted all the way, and the receiving host cannot promise that.",
}


def subject_of(reports: Sequence[RecipientReport]) -> str:
    """The subject of a notice: the worst that it tells."""
    found = {report.action for report in reports}
    return next(_SUBJECTS[action] for action in _ORDER if action in found)


def text_of(reports: Sequence[RecipientReport], hostname: str, arrived: float, subject: str) -> str:
    """The words of a notice.

    Args:
        reports: at least one.
        hostname: ours.
        arrived: when the message came, in seconds since the epoch; 0 for not known.
        subject: of the message, decoded; "" for none.

    Returns:
        Text with ``\\n`` at the end of each line; no line has more than 998 octets.
    """
    named = one_line(subject, international=True, limit=NAMED_LIMIT)
    about = f' with the subject "{named}"' if named else ""
    when = f", which came here on {format_date(arrived)}" if arrived else ""
    lines = textwrap.wrap(
        f"This is the mail system at {hostname}. It writes about a message of yours{about}{when}.", WIDTH
    )
    for action in _ORDER:
        some = [report for report in reports if report.action is action]
        if some:
            lines += ["", *_section(action, some)]
    lines += ["", "The rest of this notice is for programs."]
    return "\n".join(lines) + "\n"


def _section(action: Action, reports: Sequence[RecipientReport]) -> Iterator[str]:
    until = [report.retry_until for report in reports if report.retry_until is not None]
    words = f" until {format_date(max(until))}" if until else ""
    yield from textwrap.wrap(_OPENINGS[action].format(until=words), WIDTH)
    for report in reports:
        yield ""
        yield from _recipient(report)


def _recipient(report: RecipientReport) -> Iterator[str]:
    address = f"<{report.recipient.forward_path}>"
    original = report.recipient.original_recipient
    if original is not None and original.address != str(report.recipient.forward_path):
        address += f" (you wrote to {one_line(original.address, international=True)})"
    yield f"  {address}"
    if report.action not in (Action.FAILED, Action.DELAYED):
        return
    reason = _REASONS.get(report.status.enhanced[1:])
    if reason is not None:
        yield f"    {reason}"
    said = one_line(report.reply, international=True)
    if said:
        who = one_line(report.remote_mta) or "The receiving host"
        yield from _indented(f"{who} said: {said}")
    elif report.status.text:
        yield from _indented(f"{report.status.code} {one_line(report.status.text, international=True)}")


def _indented(text: str) -> Sequence[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
