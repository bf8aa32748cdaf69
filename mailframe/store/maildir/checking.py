"""Are the files of a mailbox those that the catalogue has? Blocking."""

from __future__ import annotations

from mailframe.store.catalogue.rows import UID_MASK, MailboxRow
from mailframe.store.checking import Difference, Kind

from .listing import in_both
from .tree import Tree


def compare(tree: Tree, mailbox: MailboxRow) -> list[Difference]:
    """Messages without a file, and files without a message; what other programs did has been taken in.

    Needs a writing transaction: without it a delivery could be between its rename and its commit.
    """
    findings = in_both(tree, mailbox)
    missing = [Difference(Kind.MISSING, mailbox.name, row.id & UID_MASK) for row in findings.went]
    if findings.came:
        missing.append(Difference(Kind.EXTRA, mailbox.name, count=len(findings.came)))
    return missing
