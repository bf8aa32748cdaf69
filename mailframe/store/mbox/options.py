"""What can be configured of the mbox store."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, Duration, option
from mailframe.store.maildrop.options import MaildropOptions

from .locking import METHODS


def _of_one_account(_: object, attribute: object, value: str) -> None:
    if value and "%{account}" not in value and "%{local}" not in value:
        raise ValueError("must have %{local} or %{account} in it: each account has an INBOX of its own")


@attrs.frozen(kw_only=True)
class MboxOptions(MaildropOptions):
    """Mail in mbox files, with an SQLite catalogue an account."""

    directory: DataPath = option("Where the accounts lie, as DOMAIN/LOCAL-PART.", DataPath("mail"))
    inbox: str = option(
        "The file of INBOX: a path in which %{local}, %{domain} and %{account} stand for parts of the account's "
        "name, as in /var/mail/%{local}. Empty: with the other mailboxes.",
        "",
        validator=_of_one_account,
    )
    index: str = option(
        "Where the catalogues lie, as DOMAIN/LOCAL-PART; a local disk. Empty: with the mailboxes.", ""
    )
    folders: str = option(
        "How mailboxes lie. nested: a directory each, with its messages in the file mBoX-MeSsAgEs (DIRNAME of "
        "Dovecot), so that a mailbox can have messages and inferiors. plain: a file each, as with UW-IMAP; one that "
        "has messages can have no inferiors.",
        "nested",
        choices=("nested", "plain"),
    )
    format: str = option(
        "How lines of messages that begin with «From » are written. mboxrd can be undone exactly, mboxo cannot; "
        "mboxcl2 writes them as they are and trusts that all programs heed Content-Length.",
        "mboxrd",
        choices=("mboxrd", "mboxo", "mboxcl2"),
    )
    write_locks: list[str] = option(
        "Locks that are taken to change a mailbox, in this order: dotlock, dotlock_try (not where the directory "
        "cannot be written), fcntl, flock. The same as those of all other programs.",
        factory=lambda: ["dotlock", "fcntl"],
        validator=attrs.validators.deep_iterable(attrs.validators.in_(METHODS)),
    )
    read_locks: list[str] = option(
        "Locks that are taken to read what other programs wrote.",
        factory=lambda: ["fcntl"],
        validator=attrs.validators.deep_iterable(attrs.validators.in_(METHODS)),
    )
    lock_timeout: Duration = option("How long a locked mailbox is waited for.", Duration(10))
    stale_lock: Duration = option(
        "A dotlock was left behind when neither it nor the mailbox changed for so long.", Duration(120)
    )
    rewriting: str = option(
        "How a mailbox gets another content. rename: a new file is put in its place, where that can be. in_place: "
        "always in the file, by way of a copy, for programs that lock the file only and do not look whether it is "
        "still there.",
        "rename",
        choices=("rename", "in_place"),
    )
