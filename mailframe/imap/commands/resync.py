"""What changed since a mod-sequence, for clients that come back (RFC 7162 sections 3.1.4 and 3.2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailframe.imap.selected import Selected
from mailframe.imap.wire.fetching import Attribute, Fact
from mailframe.imap.wire.resync import Known, vanished, within, without
from mailframe.imap.wire.sequences import Ranges, ranges_of
from mailframe.store.search_keys import And, ModseqAtLeast, UIDs
from mailframe.store.uid_runs import UIDRuns
from mailframe.store.values import Item

if TYPE_CHECKING:
    from mailframe.imap.session import Session

WINDOW = 1000
"""Messages whose flags are told at a time."""


def with_modseq(attributes: Sequence[Attribute]) -> tuple[Attribute, ...]:
    """Whoever asks for changes is told mod-sequences, too (RFC 7162 section 3.1.4.1)."""
    return tuple(attributes) if Fact.MODSEQ in attributes else (*attributes, Fact.MODSEQ)


async def changed_since(selected: Selected, since: int, uids: Sequence[int]) -> Sequence[int]:
    """Those of some messages that changed after a modseq."""
    if not uids:
        return ()
    result = await selected.mailbox.search(And((UIDs(ranges_of(uids)), ModseqAtLeast(since + 1))))
    return [uid for uid in result.uids if selected.view.number(uid) is not None]


async def expunged_since(selected: Selected, since: int, among: Ranges) -> Ranges:
    """Those of some UIDs that were expunged after a modseq, and of which the session has not to be told otherwise."""
    gone = (await selected.mailbox.changes(since)).vanished
    runs = gone.runs if isinstance(gone, UIDRuns) else ranges_of(gone)
    # Messages that the session still has are announced as all others are, under their numbers.
    return without(within(runs, among), ranges_of(selected.view.uids))


async def tell_changes(session: Session, selected: Selected, known: Known) -> None:
    """SELECT with QRESYNC: what a client that was here before does not know yet (RFC 7162 section 3.2.5).

    Where UIDVALIDITY is another there is nothing to tell: it knows another mailbox.
    """
    if known.uidvalidity != selected.mailbox.uidvalidity:
        return
    session.write(vanished(await expunged_since(selected, known.modseq, known.uids), earlier=True))
    uids = await changed_since(selected, known.modseq, selected.view.uids_of_uids(known.uids))
    for start in range(0, len(uids), WINDOW):
        messages = await selected.mailbox.fetch(uids[start : start + WINDOW], Item.FLAGS)
        session.write(b"".join([selected.fetch_flags(message) for message in messages]))
        await session.connection.drained()
