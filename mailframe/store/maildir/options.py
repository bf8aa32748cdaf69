"""What can be configured of the Maildir store."""

from __future__ import annotations

import attrs

from mailframe.config.types import DataPath, Duration, Size, option
from mailframe.store import uidl_format
from mailframe.store.maildrop.options import MaildropOptions


def _is_uidl_format(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    uidl_format.parse(value)


@attrs.frozen(kw_only=True)
class MaildirOptions(MaildropOptions):
    """Mail in Maildir++ folders, with an SQLite catalogue beside each account's."""

    directory: DataPath = option("Where the accounts lie, as DOMAIN/LOCAL-PART.", DataPath("mail"))
    index: str = option(
        "Where the accounts' catalogues lie, as DOMAIN/LOCAL-PART; on a local disk. Empty: with the mail, which "
        "must be on a local disk then.",
        "",
    )
    layout: str = option(
        "How mailboxes lie in an account: as Maildir++ folders side by side (.Work.2026), or as directories in "
        "directories (Work/2026), as Dovecot's LAYOUT=fs has them. An account changes over when it is next opened.",
        "maildir++",
        choices=("maildir++", "fs"),
    )
    spread: bool = option(
        "Accounts lie in 256 directories of their domain's, DOMAIN/HH/LOCAL-PART, by the first byte of the SHA-256 "
        "of the local part as it is written there: for very many accounts. Cannot be changed once there are some.",
        False,
    )
    info_separator: str = option(
        "What is written between a file's name and its flags; all are read. Others than the colon are for file "
        "systems without colons (FAT, some SMB), and few other programs understand it.",
        ":",
        choices=(":", ";", "!"),
    )
    line_ends: str = option(
        "How new files are written: with LF, as other Maildir programs expect, or with CRLF as received, which "
        "large messages are read faster from.",
        "lf",
        choices=("lf", "crlf"),
    )
    adopt: bool = option(
        "Take UIDs, keywords, subscriptions and POP3 UIDLs over from what Dovecot or Courier keeps beside folders "
        "that this store has not seen yet.",
        True,
    )
    adopted_uidl_format: str = option(
        "What a Dovecot whose mail is taken over calls messages for POP3: its pop3_uidl_format.",
        uidl_format.DEFAULT,
        validator=_is_uidl_format,
    )
    dovecot_uidlist: bool = option(
        "Keep dovecot-uidlist in each folder, locked as Dovecot locks it: both programs can serve the folders at a "
        "time and give messages the same UIDs, and Dovecot can take them back later. Costs some time a delivery.",
        False,
    )
    keywords: str = option(
        "Where keywords are: in the catalogue alone, or also as Dovecot has them, the first 26 of each folder as "
        "letters in names of files. Then both programs see each other's.",
        "own",
        choices=("own", "dovecot"),
    )
    maildirsize: bool = option(
        "Write maildirsize (Maildir++) into accounts that have a quota, for other programs that deliver there and "
        "look at it.",
        False,
    )
    subscriptions: str = option(
        "Where subscriptions are kept besides the catalogue, and changes of other programs taken from: nowhere, in "
        "Dovecot's list (subscriptions), or in Courier's (courierimapsubscribed).",
        "own",
        choices=("own", "dovecot", "courier"),
    )
    watches: int = option(
        "Mailboxes with a session that the system (inotify) is asked to tell about in each worker process, so that "
        "what other programs deliver reaches IDLE at once. 0 where they deliver over a network file system.",
        4096,
        validator=attrs.validators.ge(0),
    )
    scan: Duration = option(
        "How often other mailboxes with a session are looked at for what other programs did.",
        Duration(30.0),
        validator=attrs.validators.ge(1.0),
    )
    journal: bool = option(
        "Small messages are made durable by a journal, and their files flushed some seconds later, many at once. "
        "False: each file and directory is flushed before the answer. Needs Linux 5.8; "
        "elsewhere it is as if it were false.",
        True,
    )
    journal_size: Size = option(
        "The size of each delivering thread's journal. Half of it should hold what comes in a second or two.",
        Size(32 * 1024 * 1024),
        validator=attrs.validators.ge(64 * 1024),
    )
