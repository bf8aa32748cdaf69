"""Putting messages into threads (RFC 5256 sections 3 and 5; REFS is of draft-ietf-morg-inthread). Pure.

A thread is kept as nested `Node` objects; a node without a message stands for one that is not there. No function here
goes deeper by calling itself: a thread may have as many levels as there are messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

LEVELS_LIMIT = 1000
"""Levels of a thread that are looked at for a loop; what would go deeper is not linked."""


class Threadable(NamedTuple):
    """What threading needs of one message.

    Attributes:
        uid: its UID.
        sent: its sent date, seconds since the epoch.
        subject: its base subject, folded.
        is_reply: had the subject marks of a reply or a forward?
        message_id: its own, or None.
        references: ids of those before it, the oldest first.
    """

    uid: int
    sent: int
    subject: bytes
    is_reply: bool = False
    message_id: bytes | None = None
    references: tuple[bytes, ...] = ()


@dataclass(eq=False, slots=True)
class Node:
    """A message, or the place of one that is not there."""

    message: Threadable | None = None
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)


def by_subject(messages: Iterable[Threadable]) -> list[Node]:
    """ORDEREDSUBJECT: messages of one base subject are a thread; the first one is above all others of it."""
    threads: dict[bytes, Node] = {}
    for message in sorted(messages, key=lambda one: (one.sent, one.uid)):
        first = threads.get(message.subject)
        if first is None:
            threads[message.subject] = Node(message)
        else:
            _adopt(first, Node(message))
    return list(threads.values())


def by_references(messages: Iterable[Threadable]) -> list[Node]:
    """REFERENCES: by what messages refer to, then by subject."""
    roots = _without_empty(_linked(messages))
    _sort(roots)
    roots = _joined_by_subject(roots)
    _sort_all(roots)
    return roots


def by_references_alone(messages: Iterable[Threadable]) -> list[Node]:
    """REFS: by what messages refer to and nothing else; the thread that something came into last is the last one."""
    roots = _without_empty(_linked(messages))
    _sort_all(roots)
    latest: dict[int, int] = {}
    for node in reversed(_all(roots)):
        own = [node.message.sent] if node.message is not None else []
        latest[id(node)] = max(own + [latest.pop(id(child)) for child in node.children])
    roots.sort(key=lambda root: (latest[id(root)], _first(root).uid))
    return roots


def render(roots: Sequence[Node], number: Callable[[int], int]) -> bytes:
    """Threads as the THREAD response has them.

    Args:
        number: what is said for a UID.
    """
    pieces: list[bytes] = []
    # Either a node with whether something stands before it, or octets.
    work: list[tuple[Node, bool] | bytes] = []
    for root in reversed(roots):
        work += [b")", (root, False), b"("]
    while work:
        item = work.pop()
        if isinstance(item, bytes):
            pieces.append(item)
            continue
        node, behind = item
        if node.message is not None:
            pieces.append(b"%s%d" % (b" " if behind else b"", number(node.message.uid)))
            behind = True
        if len(node.children) == 1:
            work.append((node.children[0], behind))
        elif node.children:
            for child in reversed(node.children):
                work += [b")", (child, False), b"("]
            if behind:
                work.append(b" ")
    return b"".join(pieces)


# Steps 1 and 2.


def _linked(messages: Iterable[Threadable]) -> list[Node]:
    table: dict[bytes, Node] = {}
    nodes: list[Node] = []
    for message in messages:
        node = table.get(message.message_id) if message.message_id is not None else None
        if node is None or node.message is not None:
            # Of two messages of one id the second is a message of its own.
            node, taken = Node(message), node is not None
            nodes.append(node)
            if message.message_id is not None and not taken:
                table[message.message_id] = node
        else:
            node.message = message
        _link(node, message.references, table, nodes)
    return [node for node in nodes if node.parent is None]


def _link(node: Node, references: Sequence[bytes], table: dict[bytes, Node], nodes: list[Node]) -> None:
    above: Node | None = None
    for reference in references:
        found = table.get(reference)
        if found is None:
            found = table[reference] = Node()
            nodes.append(found)
        if above is not None and found.parent is None and not _is_above(found, above):
            _adopt(above, found)
        above = found
    if above is not None and _is_above(node, above):
        return
    # What it says itself of what it answers counts for more than what others say, also that it answers nothing.
    if node.parent is not None:
        node.parent.children.remove(node)
        node.parent = None
    if above is not None:
        _adopt(above, node)


def _is_above(node: Node, other: Node) -> bool:
    """Would it be a loop to put ``node`` below ``other``?"""
    if not node.children:
        return node is other
    place: Node | None = other
    for _ in range(LEVELS_LIMIT):
        if place is None:
            return False
        if place is node:
            return True
        place = place.parent
    return True


def _adopt(parent: Node, child: Node) -> None:
    child.parent = parent
    parent.children.append(child)


# Step 3.


def _without_empty(roots: list[Node]) -> list[Node]:
    """Places without a message go, but for those at the top that hold several threads together."""
    for node in reversed(_all(roots)):
        kept: list[Node] = []
        for child in node.children:
            if child.message is not None:
                kept.append(child)
                continue
            for grandchild in child.children:
                grandchild.parent = node
                kept.append(grandchild)
        node.children = kept
    found: list[Node] = []
    for root in roots:
        if root.message is not None or len(root.children) > 1:
            found.append(root)
        elif root.children:
            root.children[0].parent = None
            found.append(root.children[0])
    return found


def _all(roots: Iterable[Node]) -> list[Node]:
    """All nodes, each before those below it."""
    found = list(roots)
    place = 0
    while place < len(found):
        found += found[place].children
        place += 1
    return found


# Steps 4 and 6.


def _first(node: Node) -> Threadable:
    """The message that a node stands for: its own, or that of its first child."""
    while node.message is None:
        node = node.children[0]
    return node.message


def _sort(nodes: list[Node]) -> None:
    for node in nodes:
        if node.message is None:
            node.children.sort(key=_order)
    nodes.sort(key=_order)


def _order(node: Node) -> tuple[int, int]:
    message = _first(node)
    return message.sent, message.uid


def _sort_all(roots: list[Node]) -> None:
    for node in reversed(_all(roots)):
        node.children.sort(key=_order)
    roots.sort(key=_order)


# Step 5.


def _joined_by_subject(roots: list[Node]) -> list[Node]:
    leading = _leading(roots)
    gone: set[int] = set()
    joined: list[Node] = []
    for root in roots:
        subject = _first(root).subject
        leader = leading.get(subject) if subject else None
        if leader is None or leader is root:
            continue
        if leader.message is None and root.message is None:
            for child in root.children:
                _adopt(leader, child)
        elif leader.message is None or (_is_reply(root) and not _is_reply(leader)):
            _adopt(leader, root)
        else:
            above = Node()
            _adopt(above, leader)
            _adopt(above, root)
            leading[subject] = above
            joined.append(above)
            gone.add(id(leader))
        gone.add(id(root))
    return [root for root in (*roots, *joined) if id(root) not in gone]


def _leading(roots: Iterable[Node]) -> dict[bytes, Node]:
    """The thread of each subject that others of it join."""
    table: dict[bytes, Node] = {}
    for root in roots:
        subject = _first(root).subject
        if not subject:
            continue
        there = table.get(subject)
        better = (
            there is not None
            and there.message is not None
            and (root.message is None or (_is_reply(there) and not _is_reply(root)))
        )
        if there is None or better:
            table[subject] = root
    return table


def _is_reply(node: Node) -> bool:
    return _first(node).is_reply
