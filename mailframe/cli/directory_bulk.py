"""``mailframe directory import`` and ``export``: many entries at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

import click

from mailframe.config.scalars import to_size
from mailframe.directory.bulk.json_lines import read_entries, write_entry
from mailframe.directory.bulk.passwd_file import read_passwd_file
from mailframe.directory.bulk.postfix_maps import read_alias_map, read_mailbox_map
from mailframe.directory.bulk.tables import read_table
from mailframe.directory.bulk.values import Found, Problem, Read
from mailframe.directory.entries import Edit, Entry, Key, Kind, Outcome, Put, key_of
from mailframe.directory.entry_interfaces import IDirectoryEntries
from mailframe.directory.passwords import make_hash
from mailframe.directory.refusals import RefusedEdit
from mailframe.directory.values import Credential, Domain

from .directory_entries import open_entries
from .errors import Refused
from .shared import actor, config_option, json_option, print_json

BATCH = 1000
"""Edits that are made durable at once."""
SHOWN = 50
"""Problems that are told one by one."""
FORMATS = ("json", "csv", "passwd-file", "virtual-alias", "virtual-mailbox")


@click.command("export")
@click.option("--secrets", is_flag=True, help="With hashes of passwords, keys and app passwords.")
@config_option
def export(secrets: bool, config: str) -> None:
    """Write the whole directory to standard output, a line of JSON for each entry."""
    entries = open_entries(config)
    for kind in Kind:
        after = ""
        while page := entries.listing(kind, None, after, BATCH):
            sys.stdout.write("".join(write_entry(entry, secrets) + "\n" for entry in page))
            after = key_of(page[-1]).name


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), default="json", show_default=True, help="What it is."
)
@click.option("--domain", default="", help="The domain of names that are written without one.")
@click.option(
    "--make-domains", is_flag=True, help="Add the domains of accounts and aliases where they are missing."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; say what would be done.")
@config_option
@json_option
def import_(
    file: str, kind: str, domain: str, make_domains: bool, dry_run: bool, config: str, as_json: bool
) -> None:
    """Add or change the entries of FILE, - for standard input; what is not in it stays.

    Nothing is done while a line is wrong. Entries are made durable in batches: run it again after an
    interruption, and what is there already is left alone.
    """
    entries = open_entries(config)
    with _opened(file) as lines:
        found = list(_reader(kind, domain)(lines))
    problems = [one for one in found if isinstance(one, Problem)]
    if problems:
        raise Refused(_told(file, problems))
    reads = [one for one in found if isinstance(one, Read)]
    # Domains first, then accounts: a file may have them in any order.
    reads.sort(key=lambda one: (list(Kind).index(key_of(one.entry).kind), one.line))
    counts = _Import(entries, file, make_domains, dry_run).run(reads)
    if as_json:
        print_json({outcome.value: counts[outcome] for outcome in Outcome if outcome is not Outcome.REMOVED})
        return
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
    click.echo(f"{'would be: ' if dry_run else ''}{told or 'nothing'}")


class _Import:
    """One run."""

    def __init__(self, entries: IDirectoryEntries, file: str, make_domains: bool, dry_run: bool) -> None:
        self._entries = entries
        self._file = file
        self._make_domains = make_domains
        self._dry_run = dry_run
        self._domains: set[str] = set()
        self._actor = actor()

    def run(self, reads: list[Read]) -> Counter[Outcome]:
        """Do it, batch by batch.

        Raises:
            Refused: an entry cannot be; those of the batches before are done.
        """
        counts: Counter[Outcome] = Counter()
        # A dry run forgets each batch, so there is one only: what comes first may be needed by what follows.
        size = max(1, len(reads)) if self._dry_run else BATCH
        with click.progressbar(
            length=len(reads), label="importing", file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            for start in range(0, len(reads), size):
                batch = reads[start : start + size]
                counts.update(self._apply(batch))
                bar.update(len(batch))
        return counts

    def _apply(self, batch: list[Read]) -> Iterable[Outcome]:
        edits: list[Edit] = []
        lines: list[int] = []
        for read in batch:
            for domain in self._missing_domains(read.entry):
                edits.append(Put(domain))
                lines.append(read.line)
            edits.append(Put(self._whole(read)))
            lines.append(read.line)
        try:
            return self._entries.apply(edits, self._actor, dry_run=self._dry_run)
        except RefusedEdit as error:
            raise Refused(f"{self._file}:{lines[error.index]}: {error.reason}") from None

    def _whole(self, read: Read) -> Entry:
        """What is said, with the secrets that are there already where the file has none of its own."""
        entry = read.entry
        if read.complete or not isinstance(entry, Credential):
            return entry
        before = self._entries.entry(key_of(entry))
        if not isinstance(before, Credential):
            return entry
        same = not entry.password_hash or entry.password_hash == before.password_hash
        return replace(
            entry,
            password_hash=before.password_hash if same else entry.password_hash,
            keys=before.keys if same else (),
            app_passwords=before.app_passwords,
        )

    def _missing_domains(self, entry: Entry) -> Iterator[Domain]:
        name = key_of(entry).name.rpartition("@")[2]
        if not self._make_domains or isinstance(entry, Domain) or name in self._domains:
            return
        self._domains.add(name)
        if self._entries.entry(Key(Kind.DOMAIN, name)) is None:
            yield Domain(name)


def _reader(kind: str, domain: str) -> Callable[[Iterable[str]], Found]:
    readers: dict[str, Callable[[Iterable[str]], Found]] = {
        "json": read_entries,
        "csv": lambda lines: read_table(
            lines, make_hash, lambda text: to_size(int(text) if text.isdecimal() else text)
        ),
        "passwd-file": lambda lines: read_passwd_file(lines, domain),
        "virtual-alias": lambda lines: read_alias_map(lines, domain),
        "virtual-mailbox": lambda lines: read_mailbox_map(lines, domain),
    }
    return readers[kind]


@contextmanager
def _opened(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield sys.stdin
        return
    with open(file, encoding="utf-8", newline="") as opened:
        yield opened


def _told(file: str, problems: list[Problem]) -> str:
    lines = [f"{file}:{one.line}: {one.text}" for one in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"and {len(problems) - SHOWN} more")
    return "\n".join([*lines, "Nothing was changed."])
