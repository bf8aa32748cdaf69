"""``maildirsize`` is written for others: programs that deliver into the account read how full it is (Maildir++).

The quota is this store's; the file tells its limits and what the catalogue counts. What others append is taken for
what it is, news that a look will find too: each time the sums are compared, and a line corrects them.
"""

from __future__ import annotations

import apsw
from twisted.logger import Logger

from mailframe.store.adoption import maildirsize
from mailframe.store.adoption.broken import BrokenFile
from mailframe.store.adoption.maildirsize import Usage
from mailframe.store.maildrop import room

from .folders import TMP
from .foreign import read_octets
from .tree import Tree

NAME = "maildirsize"
OCTETS_LIMIT = 5120
"""A longer file is written anew, as the Maildir++ page has it."""

log = Logger()


def keep(tree: Tree) -> None:
    """Let the file tell what is so; a fault is logged, and the next change tries again."""
    try:
        _keep(tree)
    except (OSError, apsw.Error) as fault:
        log.warn("{path} cannot be written: {fault}", path=f"{tree.path}/{NAME}", fault=fault)


def _keep(tree: Tree) -> None:
    # This comes some time after the work, and another session may have set others since.
    tree.drop.own_limits = None
    path, limit = f"{tree.path}/{NAME}", room.limit_of(tree.drop)
    if not limit:
        # No file: no quota.
        if tree.files.exists(path):
            tree.files.unlink(path)
        return
    used = room.used_by(tree.drop)
    wanted = Usage(used.octets, used.messages, limit.octets, limit.messages)
    octets = read_octets(tree.files, path)
    found = None if octets is None else _read(octets)
    if found == wanted:
        return
    limits = (wanted.octets_limit, wanted.messages_limit)
    line = b""
    if found is not None and (found.octets_limit, found.messages_limit) == limits:
        line = maildirsize.lines([(wanted.octets - found.octets, wanted.messages - found.messages)])
    if not line or len(octets or b"") + len(line) > OCTETS_LIMIT:
        tree.replace_file(f"{tree.path}/{TMP}", path, maildirsize.write(wanted))
        return
    descriptor = tree.files.append(path)
    try:
        tree.files.write(descriptor, line)
    finally:
        tree.files.close(descriptor)


def _read(octets: bytes) -> Usage | None:
    try:
        return maildirsize.read(octets)
    except BrokenFile:
        return None
