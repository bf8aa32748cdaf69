"""What a store promises. Other people implement this: the words here are the contract.

Every method is one unit of work: a backend does it in one hop to one of its threads, so callers ask for many
messages at once and never loop. Accounts are named by their canonical address (``alice@example.test``).
Mailbox names are Unicode with ``/`` between levels; INBOX is the same in any case.

Common to all methods: a refusal is raised as `MailframeError` with a `Status` that SMTP, IMAP and POP3 render;
a full disk or a database that is away is a temporary status, never a permanent one. What was done is durable as
its method says. When the Deferred behind an awaitable is cancelled, the work itself goes on or was never begun;
it is never half done.

`mailframe.testing.store` has the contract suite that every backend passes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from zope.interface import Attribute, Interface

from mailframe.message.status import Status

from .quota import Limit, QuotaRoot
from .search_keys import SearchKey
from .sharing.rights import AccessEntry, Rights
from .values import (
    Appended,
    Changes,
    Copied,
    Delivery,
    FlagChange,
    Flags,
    Item,
    KeptMailbox,
    MailboxEntry,
    MailboxStatus,
    Message,
    NewMessage,
    SearchResult,
    Snapshot,
    Span,
    Stored,
    TakenMailbox,
    TakenMessage,
)


class IMailStore(Interface):
    """Mail at rest for many accounts. An ``IService`` that needs starting provides that too."""

    def deliver(deliveries: Sequence[Delivery], atomic: bool = False) -> Awaitable[Sequence[Status]]:
        """Put messages into mailboxes, durably: success means flushed to stable storage.

        A missing account directory or INBOX is created; another missing mailbox falls back to INBOX.

        Args:
            deliveries: one a recipient; those of one message share its body.
            atomic: all or none: when one cannot be prepared (written and flushed), none becomes visible, and
                all get that one's status. Without it each is on its own.

        Returns:
            A status for each, in order. Never raises for a fault of storage, which is a temporary status.
        """

    def room(account: str) -> Awaitable[Status | None]:
        """Is there room for mail? For whoever could refuse a recipient before the message is sent.

        Returns:
            What to refuse with; None where there is room, or no such account yet.

        Raises:
            MailframeError: temporary.
        """

    def account(name: str) -> Awaitable[IMailAccount]:
        """The mailboxes of one account, made (with INBOX and the default folders) where they do not exist.

        Every caller gets its own; call `IMailAccount.close` when done.
        """

    def remove_account(name: str) -> Awaitable[None]:
        """Delete all mail of an account for good; none is fine."""


class IMailAccount(Interface):
    """The mailboxes of one account, for one session."""

    name = Attribute("The account's canonical address, ``str``.")

    def mailboxes() -> Awaitable[Sequence[MailboxEntry]]:
        """All mailboxes and subscribed names, sorted by name with INBOX first.

        Parents that do not exist as mailboxes are listed with ``selectable`` False.
        """

    def create(name: str, special_use: str | None = None) -> Awaitable[str]:
        """Make a mailbox and its missing superiors (RFC 9051 section 6.3.4); a trailing separator is dropped.

        Returns:
            Its MAILBOXID.

        Raises:
            MailframeError: with word ``ALREADYEXISTS``, ``CANNOT`` (the name is not allowed), ``USEATTR`` (no mailbox
                can be made for this special use) or ``LIMIT``.
        """

    def delete(name: str) -> Awaitable[None]:
        """Remove a mailbox and its messages; inferiors stay. Its UIDVALIDITY is not used again for the name.

        Raises:
            MailframeError: ``NONEXISTENT``, or ``CANNOT`` for INBOX.
        """

    def rename(name: str, new_name: str) -> Awaitable[None]:
        """Rename a mailbox and its inferiors, making missing superiors.

        Messages, UIDs, MAILBOXID and special use go along; subscriptions are by name and stay. A name that only
        has inferiors can be renamed, too. Sessions that have one of the mailboxes open go on working in it.
        Renaming INBOX moves its messages into a new mailbox and leaves INBOX empty, without touching its
        inferiors (RFC 9051 section 6.3.6).

        Raises:
            MailframeError: ``NONEXISTENT``, ``ALREADYEXISTS`` or ``CANNOT``.
        """

    def subscribe(name: str, subscribed: bool) -> Awaitable[None]:
        """Put a name on the subscription list or take it off; the mailbox need not exist.

        Raises:
            MailframeError: ``CANNOT`` (no mailbox can have this name) or ``LIMIT``, when it is to be put on.
        """

    def status(name: str) -> Awaitable[MailboxStatus]:
        """The figures of one mailbox.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """

    def quotas(name: str | None = None) -> Awaitable[Sequence[QuotaRoot]]:
        """The quota roots of a mailbox, which need not exist (RFC 9208 section 4.1.2), or all of the account."""

    def set_quota(name: str, own: Limit) -> Awaitable[QuotaRoot]:
        """Set the owner's own limits of a quota root, durably, in place of those before (RFC 9208 section 4.1.3).

        They count beside the administrator's, from now on and in all sessions. What is there already may be more: it
        stays. Those of a mailbox follow it when it is renamed, and are gone with it.

        Args:
            name: `mailframe.store.quota.ACCOUNT`, or a mailbox's.
            own: ``Limit()`` takes them off.

        Returns:
            How the root stands now, with limit ``Limit()`` where nothing limits it any more.

        Raises:
            MailframeError: ``NONEXISTENT`` (no such mailbox), or ``NOPERM``: the administrator allows less.
        """

    def kept() -> Awaitable[Sequence[KeptMailbox]]:
        """Mail that was expunged and can still be had back; empty where none is kept."""

    def restore(name: str, into: str = "", since: int = 0, until: int = 0) -> Awaitable[int]:
        """Put mail back that was expunged, without ``\\Deleted``.

        Args:
            name: the mailbox that it was expunged from; it need not exist any more.
            into: the mailbox it goes into, made where it does not exist; "" for the one it came from.
            since, until: only what was expunged then: seconds since the epoch, ``until`` excluded; 0 for no bound.

        Returns:
            How many messages.
        """

    def access(name: str) -> Awaitable[Sequence[AccessEntry]]:
        """The access control list of a mailbox (RFC 4314), sorted by identifier.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """

    def set_access(name: str, identifier: str, rights: Rights | None) -> Awaitable[None]:
        """Give somebody these rights on a mailbox, instead of others; None: take the entry off the list.

        Raises:
            MailframeError: ``NONEXISTENT``, ``CANNOT`` (nobody can be called so) or ``LIMIT``.
        """

    def identifiers() -> Awaitable[frozenset[str]]:
        """Who has rights on any mailbox of the account, by what they were given under."""

    def rights(name: str, user: str) -> Awaitable[Rights]:
        """What an account may do with a mailbox; the owner may do everything where nobody said otherwise.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """

    def metadata(
        name: str | None, entries: Sequence[str], depth: int = 0, user: str = ""
    ) -> Awaitable[Mapping[str, bytes]]:
        """Annotations of a mailbox, or of the account where ``name`` is None (RFC 5464), by entries in lower case.

        Args:
            entries: which: ``"/shared/comment"``.
            depth: 0 for these only, 1 for those right below them too, -1 for all below them.
            user: whose private entries; "" for the account's owner's.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """

    def set_metadata(name: str | None, values: Mapping[str, bytes | None], user: str = "") -> Awaitable[None]:
        """Set annotations, all or none; None removes one.

        Raises:
            MailframeError: ``NONEXISTENT``, ``CANNOT`` (no entry can be called so), ``METADATA MAXSIZE`` or
                ``METADATA TOOMANY``.
        """

    def open(name: str, read_only: bool = False) -> Awaitable[IMailbox]:
        """Open one mailbox for a session.

        Raises:
            MailframeError: ``NONEXISTENT``.
        """

    def append(name: str, messages: Sequence[NewMessage]) -> Awaitable[Appended]:
        """Add messages durably, all or none (RFC 3502).

        Raises:
            MailframeError: ``TRYCREATE`` when the mailbox does not exist; ``OVERQUOTA``; a temporary one.
        """

    def take_over(
        name: str, mailbox: TakenMailbox, messages: Sequence[TakenMessage] = ()
    ) -> Awaitable[Sequence[int]]:
        """Make a mailbox what it is elsewhere, and take messages over with their identity, durably.

        For import, conversion and adoption: a client that comes back finds UIDVALIDITY, UIDs, MODSEQs and object
        ids as it knows them. It may be called again and again, for more messages and for what changed meanwhile.

        The mailbox is made, with missing superiors, where it does not exist. One without messages becomes the
        mailbox that is described. One with messages must have its UIDVALIDITY.

        A message whose UID is not below UIDNEXT comes in. One whose UID is there already gets the flags and the
        modseq that are given; its octets never change. Any other was expunged, and is passed over. Numbers only
        grow. An object id that is not allowed, or a MAILBOXID that another mailbox of the account has, is passed
        over for one of the store's own. None of the messages is ``\\Recent``. A session that has the mailbox open
        may be told of them only when it selects it again.

        Args:
            name: its name here.
            mailbox: what it is.
            messages: UIDs ascending, those without one last.

        Returns:
            UIDs of the messages that came in, in their order; all or none.

        Raises:
            MailframeError: ``ALREADYEXISTS``: it has messages and another UIDVALIDITY; ``CANNOT``, ``LIMIT``,
                ``OVERQUOTA``; a temporary one.
            ValueError: UIDs are not ascending, or a message without content would have to come in.
        """

    def listen(changed: Callable[[str], None]) -> Awaitable[Callable[[], None]]:
        """Call ``changed`` when something changed, with what `IHints.listen_account` says; the result ends it.

        With those of others on which the session has rights by now. A hint may come late, twice or never.
        """

    def close() -> None:
        """The session is done with it; opened mailboxes are closed with it, and listening ends."""


class IMailbox(Interface):
    """One opened mailbox. UIDs that do not exist (any more) are passed over without an error.

    When the mailbox itself has been deleted meanwhile, methods that change something, `snapshot` and `changes` raise
    ``NONEXISTENT``; `fetch`, `read` and `search` find nothing.
    """

    name = Attribute("Its full name, ``str``.")
    mailbox_id = Attribute("RFC 8474 MAILBOXID, ``str``.")
    uidvalidity = Attribute("``int``, 1 to 2**32 - 1.")
    read_only = Attribute("`bool`: opened by EXAMINE.")

    def snapshot() -> Awaitable[Snapshot]:
        """The mailbox now; the starting point for `changes`."""

    def changes(since: int) -> Awaitable[Changes]:
        """What happened after ``since``, a modseq from `Snapshot`, `Changes` or `mailframe.store.values.Stored`.

        Includes what this session did itself. Cheap when nothing happened.

        Raises:
            MailframeError: ``NONEXISTENT`` when the mailbox was deleted meanwhile.
        """

    def fetch(uids: Sequence[int], items: Item) -> Awaitable[Sequence[Message]]:
        """Facts of messages, UIDs ascending. Callers ask for a window of some hundreds at a time.

        Where `Description` is asked for and those of many are very large, the answer may end early, after one message
        at least: whoever wants the others asks again from there.
        """

    def read(spans: Sequence[Span]) -> Awaitable[Sequence[bytes | None]]:
        """Octets of messages, with CRLF line ends, in the order of ``spans``; None where the message is gone.

        Offsets count CRLF octets. A span past the end gives what there is. The caller bounds the sum (a window
        of 1 MiB is usual) and reads a large message window by window, ascending, which is fast.
        """

    def store(
        uids: Sequence[int],
        change: FlagChange,
        flags: Flags,
        unchanged_since: int | None = None,
    ) -> Awaitable[Stored]:
        """Change flags. Keywords compare without regard to case and keep the spelling first used.

        What cannot be stored (``\\Recent``, system flags nobody knows) is passed over. A message whose flags stay as
        they are keeps its modseq.

        Raises:
            MailframeError: ``LIMIT`` when there are too many keywords; ``NOPERM`` when read-only.
        """

    def copy(uids: Sequence[int], target: str) -> Awaitable[Copied]:
        """Copy messages with flags and internal date, all or none.

        Raises:
            MailframeError: ``TRYCREATE``, ``OVERQUOTA``.
        """

    def move(uids: Sequence[int], target: str) -> Awaitable[Copied]:
        """Move messages, all or none (RFC 6851); each has a new UID and keeps its email id."""

    def expunge(uids: Sequence[int] | None = None) -> Awaitable[Sequence[int]]:
        """Remove messages that have ``\\Deleted``, among ``uids`` where given; return those removed, ascending."""

    def remove(uids: Sequence[int]) -> Awaitable[Sequence[int]]:
        """Remove messages whatever their flags (POP3's UPDATE); return those removed, ascending."""

    def search(key: SearchKey) -> Awaitable[SearchResult]:
        """Messages that match. Text compares as i;unicode-casemap, on decoded text."""

    def listen(changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` in the reactor's thread when something may have happened here.

        A hint, from any session or worker: it may come late, twice or never, so callers also look now and then.

        Returns:
            A function that ends it.
        """

    def close() -> None:
        """The session is done with it."""


class IHints(Interface):
    """Carries «something changed there» between sessions, and between workers."""

    def publish(account: str, mailbox_id: str) -> None:
        """Tell everybody who listens, here and in other workers. Called in the reactor's thread."""

    def listen(account: str, mailbox_id: str, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` on each hint; returns a function that ends it."""

    def listen_account(account: str, changed: Callable[[str], None]) -> Callable[[], None]:
        """Call ``changed`` with the MAILBOXID of each hint about an account; returns a function that ends it.

        Instead of a MAILBOXID there may be `mailframe.store.values.NAMES`: the list of mailboxes, rights,
        subscriptions or annotations are others; or `mailframe.store.values.ANYTHING`: hints may have been lost.
        """
