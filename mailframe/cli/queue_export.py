"""``mailframe queue export``: copies of mail in the queue as files."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from mailframe.message.status import MailframeError
from mailframe.queue.values import Selection

from .errors import Refused
from .queue_changes import check_meant
from .queue_rows import message_facts
from .queue_selection import selection_options
from .queue_spool import OpenSpool, of_ids, opened, unknown, wait
from .shared import config_option, json_option, print_json


@click.command("export")
@click.argument("queue_ids", metavar="[ID]...", nargs=-1)
@selection_options
@click.option("--all", "everything", is_flag=True, help="All there is.")
@click.option(
    "--to",
    "directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files go; made where it is not there.",
)
@config_option
@json_option
def command(
    queue_ids: tuple[str, ...],
    selection: Selection,
    everything: bool,
    directory: Path,
    config: str,
    as_json: bool,
) -> None:
    """Copy messages into files: ID.eml is the message as it is, ID.json its envelope and how its recipients stand.

    The queue is left as it is. A file that is there already is replaced.
    """
    check_meant(selection, queue_ids, everything)
    exported: list[str] = []
    failed: dict[str, str] = {}
    with opened(config) as queue:
        ids = [listed.message.queue_id for listed in queue.messages(of_ids(selection, queue_ids))]
        failed.update((queue_id, unknown(queue_id)) for queue_id in queue_ids if queue_id not in ids)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = len(ids) < 2 or not sys.stderr.isatty()
        with click.progressbar(ids, label="exported", hidden=hidden, file=sys.stderr) as bar:
            for queue_id in bar:
                try:
                    _export(queue, queue_id, directory)
                    exported.append(queue_id)
                except MailframeError as error:
                    failed[queue_id] = f"{queue_id} cannot be read, or has gone on just now: {error.reason}"
    if as_json:
        print_json({"exported": exported, "failed": list(failed)})
    else:
        click.echo(f"exported {len(exported)} message{'s' * (len(exported) != 1)} to {directory}")
    if failed:
        raise Refused("\n".join(failed.values()))


def _export(queue: OpenSpool, queue_id: str, directory: Path) -> None:
    listed = wait(queue.records.find(queue_id))
    content = wait(queue.spool.content(queue_id))
    try:
        with _Fresh(directory / f"{queue_id}.eml") as file:
            for piece in content.chunks():
                file.write(piece)
    finally:
        content.body.discard()
    if listed is not None:
        with _Fresh(directory / f"{queue_id}.json") as file:
            file.write(json.dumps(message_facts(listed), indent=2, ensure_ascii=False).encode() + b"\n")


class _Fresh:
    """A file that only its owner may read, and that is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}")

    def __enter__(self) -> _Fresh:
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        return self

    def write(self, octets: bytes) -> None:
        self._file.write(octets)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._partial, self._path)
        else:
            os.unlink(self._partial)
