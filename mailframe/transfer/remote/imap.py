"""An account on an IMAP server, as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailframe.imap.client.commands import string, uid_set
from mailframe.imap.client.fetching import Fetched
from mailframe.imap.wire import mailboxes as names
from mailframe.message.content import Content
from mailframe.message.status import MailframeError
from mailframe.store.values import INBOX, SEPARATOR, SPECIAL_USES, TakenMailbox, TakenMessage
from mailframe.transfer.values import Folder, Known, TransferError

from .connection import Peer
from .imap_session import Answer, IMAPSession

WINDOW = 100
"""Messages that are asked for at a time."""
_SPECIAL = {use.lower(): use for use in SPECIAL_USES}


class IMAPSource:
    """An account elsewhere; nothing there is changed. See `Source`.

    Args:
        peer: the server.
        mailboxes: names of those to take; none for all.

    Raises:
        TransferError: it cannot be reached, or does not let us in.
    """

    def __init__(self, peer: Peer, mailboxes: Sequence[str] = ()) -> None:
        self._session = IMAPSession(peer)
        self._wanted = frozenset(mailboxes)
        self._prefix, self._others = self._namespaces()
        can = self._session.capabilities
        items = [b"UID", b"FLAGS", b"INTERNALDATE"]
        items += [b"MODSEQ"] if can & {b"CONDSTORE", b"QRESYNC"} else []
        items += [b"EMAILID", b"THREADID"] if b"OBJECTID" in can else []
        items += [b"SAVEDATE"] if b"SAVEDATE" in can else []
        self._items = b"(" + b" ".join(items) + b")"

    def folders(self) -> Iterator[Folder]:
        """See `Source.folders`: those of the account itself, not what others share with it."""
        words = [b"LIST", b'""', b'"*"']
        if self._session.capabilities >= {b"LIST-EXTENDED", b"SPECIAL-USE"}:
            words += [b"RETURN", b"(SPECIAL-USE)"]
        found = dict(self._listed(self._session.ask(*words), b"LIST"))
        missing = self._wanted.difference(self._name(key) for key in found)
        if missing:
            raise TransferError(f"The server has no mailbox {sorted(missing)[0]!r}.")
        for key in sorted(found, key=lambda key: (self._name(key) != INBOX, key)):
            name, (attributes, _) = self._name(key), found[key]
            usable = not {b"\\noselect", b"\\nonexistent"} & attributes
            if usable and (not self._wanted or name in self._wanted):
                yield self._folder(key, name, attributes)

    def messages(self, folder: Folder, known: Known) -> Iterator[TakenMessage]:
        """See `Source.messages`: flags and dates of all first, then octets of those that are wanted."""
        all_facts = self._facts(folder)
        for facts in all_facts:
            if facts.uid < known.below:
                yield _taken(facts, None)
        wanted = {facts.uid: facts for facts in all_facts if facts.uid >= known.below}
        uids = list(wanted)
        for start in range(0, len(uids), WINDOW):
            yield from self._window(wanted, uids[start : start + WINDOW])

    def subscriptions(self) -> frozenset[str] | None:
        """See `Source.subscriptions`."""
        answer = self._session.ask(b"LSUB", b'""', b'"*"')
        return frozenset(self._name(key) for key, _ in self._listed(answer, b"LSUB"))

    def close(self) -> None:
        """See `Source.close`."""
        self._session.close()

    # Mailboxes.

    def _namespaces(self) -> tuple[bytes, tuple[bytes, ...]]:
        """The prefix of our own mailboxes, which is left out, and those of other people's."""
        if b"NAMESPACE" not in self._session.capabilities:
            return b"", ()
        for response in self._session.ask(b"NAMESPACE").untagged:
            if response.name == b"NAMESPACE" and len(response.values) == 3:
                own, *others = (
                    [_first(one) for one in kind] if isinstance(kind, list) else []
                    for kind in response.values
                )
                prefix = own[0] if own else b""
                return prefix, tuple(one for kind in others for one in kind if one and one != prefix)
        return b"", ()

    def _listed(self, answer: Answer, name: bytes) -> Iterator[tuple[bytes, tuple[frozenset[bytes], bytes]]]:
        """Names as the server has them, with attributes in small letters and the separator."""
        for response in answer.untagged:
            if response.name != name or len(response.values) < 3:
                continue
            attributes, separator, key = response.values[:3]
            if not isinstance(key, bytes) or not isinstance(attributes, list) or key.startswith(self._others):
                continue
            self._separator = separator if isinstance(separator, bytes) else b""
            words = frozenset(word.lower() for word in attributes if isinstance(word, bytes))
            yield key, (words, self._separator)

    def _name(self, key: bytes) -> str:
        """A mailbox's name as we write it."""
        if key.upper() == b"INBOX":
            return INBOX
        if self._prefix and key.startswith(self._prefix):
            key = key[len(self._prefix) :]
        levels = key.split(self._separator) if self._separator else [key]
        return SEPARATOR.join(_decoded(level).replace(SEPARATOR, "_") for level in levels)

    def _folder(self, key: bytes, name: str, attributes: frozenset[bytes]) -> Folder:
        words = [b"EXAMINE", string(key)]
        if b"MODSEQ" in self._items:
            words.append(b"(CONDSTORE)")
        answer = self._session.ask(*words)
        exists = next((one.number for one in answer.untagged if one.name == b"EXISTS"), None)
        special = (use for letters, use in _SPECIAL.items() if letters.encode() in attributes)
        taken = TakenMailbox(
            _number(answer, b"UIDVALIDITY"),
            _number(answer, b"UIDNEXT"),
            _number(answer, b"HIGHESTMODSEQ"),
            answer.codes.get(b"MAILBOXID", b"").strip(b"()").decode("ascii", "replace"),
            next((use for use in special if use not in ("\\All", "\\Flagged")), None),
        )
        return Folder(name, taken, exists or 0, key.decode("latin-1"))

    # Messages.

    def _facts(self, folder: Folder) -> list[Fetched]:
        if not folder.messages:
            return []
        found: dict[int, Fetched] = {}
        for facts, _ in self._session.fetch(b"UID", b"FETCH", b"1:*", self._items):
            # Without flags it is an answer to nobody: somebody changed something.
            if facts.uid and facts.flags is not None:
                found[facts.uid] = facts
        return [found[uid] for uid in sorted(found)]

    def _window(self, wanted: dict[int, Fetched], uids: Sequence[int]) -> Iterator[TakenMessage]:
        contents: dict[int, Content] = {}
        try:
            for facts, content in self._session.fetch(b"UID", b"FETCH", uid_set(uids), b"(UID BODY.PEEK[])"):
                if content is not None and facts.uid in wanted and facts.uid not in contents:
                    contents[facts.uid] = content
                elif content is not None:
                    content.body.discard()
            for uid in uids:
                # One that is not there was expunged since.
                if uid in contents:
                    yield _taken(wanted[uid], contents.pop(uid))
        finally:
            for content in contents.values():
                content.body.discard()


def _taken(facts: Fetched, content: Content | None) -> TakenMessage:
    return TakenMessage(
        content,
        facts.uid,
        facts.flags or frozenset(),
        facts.internal_date,
        facts.modseq,
        facts.save_date,
        facts.email_id,
        facts.thread_id,
    )


def _first(value: object) -> bytes:
    """The prefix of a namespace's description."""
    prefix = value[0] if isinstance(value, list) and value else b""
    return prefix if isinstance(prefix, bytes) else b""


def _number(answer: Answer, code: bytes) -> int:
    digits = answer.codes.get(code, b"")
    return int(digits) if digits.isdigit() and len(digits) < 19 else 0


def _decoded(level: bytes) -> str:
    try:
        return names.decode(level)
    except MailframeError:
        return level.decode("utf-8", "replace")
