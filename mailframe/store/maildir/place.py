"""What the Maildir backend lends to all its accounts."""

from __future__ import annotations

from dataclasses import dataclass, field

from mailframe.store.adoption import uidl_format
from mailframe.store.files import Files

from .filenames import UniqueNames
from .line_ends import LineEnds


@dataclass(frozen=True, slots=True)
class Place:
    """Attributes:
    directory: where the accounts lie.
    line_ends: how new files are written.
    files: operations on files.
    names: names for new files.
    journalled: deliveries are in a journal before they are flushed.
    adopts: what Dovecot or Courier keeps beside a folder is taken over.
    uidl_format: Dovecot's ``pop3_uidl_format``, as it was configured there.
    shares_uids: UIDs are given out together with Dovecot.
    keyword_letters: keywords are letters in names of files, as Dovecot has them.
    quota_file: ``maildirsize`` is written for others.
    subscriptions: whose list of subscriptions is kept in step: ``dovecot``, ``courier`` or ''.
    """

    directory: str
    line_ends: LineEnds = "lf"
    files: Files = field(default_factory=Files)
    names: UniqueNames = field(default_factory=UniqueNames)
    journalled: bool = False
    adopts: bool = True
    uidl_format: str = uidl_format.DEFAULT
    shares_uids: bool = False
    keyword_letters: bool = False
    quota_file: bool = False
    subscriptions: str = ""

    @property
    def subscription_separator(self) -> str:
        """Between levels in Dovecot's older lists of subscriptions."""
        return "."
