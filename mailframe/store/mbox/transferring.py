"""Copying messages from one mbox file to another, or to its end. Blocking; in a writing transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from mailframe.store.catalogue.rows import MailboxRow, MessageRow

from .appending import Appending, Coming
from .look import take_in
from .octets import Spot, shown_header
from .reading import LARGE
from .tree import Tree

Pairs = Sequence[tuple[MessageRow, MessageRow]]
"""Rows as they are, and as they will be."""


def transfer(tree: Tree, source: MailboxRow, target: MailboxRow, rows: Pairs) -> None:
    """Append copies to the target, durably, and note where they lie. All or none.

    Raises:
        FileNotFoundError: one is not there any more.
        OSError: it could not be done.
    """
    coming = {new.id for _, new in rows}
    with ExitStack() as locks:
        files: dict[str, int] = {}
        # Always in the same order, so that two who copy in opposite directions do not wait for each other.
        for mailbox in sorted({source.id: source, target.id: target}.values(), key=tree.file):
            descriptor = locks.enter_context(tree.locked(mailbox, mailbox.id == target.id))
            files[mailbox.mailbox_id] = descriptor
            if take_in(tree, mailbox.mailbox_id, descriptor, mailbox.id == target.id, coming):
                tree.drop.changed.add(mailbox.mailbox_id)
        appending = Appending(tree, tree.drop.current(target.mailbox_id), files[target.mailbox_id])
        try:
            infos = _append(tree, appending, source, files[source.mailbox_id], rows)
            appending.finish()
        except BaseException:
            appending.give_up()
            raise
        tree.catalogue.messages.set_infos(infos)


def _append(
    tree: Tree, appending: Appending, source: MailboxRow, descriptor: int, rows: Pairs
) -> list[tuple[int, str | None]]:
    current = {row.uid: row for row in tree.catalogue.messages.rows(source, [old.uid for old, _ in rows])}
    infos: list[tuple[int, str | None]] = []
    for old, new in rows:
        row = current.get(old.uid)
        if row is None:
            raise FileNotFoundError("a message is not in its mailbox any more")
        infos.append((new.id, appending.add(_coming(tree, descriptor, Spot.of(row.info)), new).info))
    return infos


def _coming(tree: Tree, descriptor: int, spot: Spot) -> Coming:
    """A message as it lies in its file."""
    small = spot.body <= LARGE
    count = spot.separator + spot.header + (spot.body if small else 0)
    octets = tree.files.read(descriptor, count, spot.offset)
    sender = octets[5 : spot.separator].split(b" ", 1)[0]
    header = shown_header(octets[spot.separator : spot.separator + spot.header], spot.block)
    if small:
        return Coming(sender, header, octets[spot.separator + spot.header :], spot.body)
    return Coming(sender, header, None, spot.body, descriptor, spot.body_offset)
