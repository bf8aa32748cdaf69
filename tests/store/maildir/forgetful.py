"""A disk that forgets everything that was not flushed, when the power is cut."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from unittest import mock

from mailframe.database.sqlite import flush_log
from mailframe.store.journal.slots import DIRECTORY
from mailframe.store.maildir.folders import CATALOGUE

from .fixture import FaultyFiles, MaildirCase

_MAIL = ("new", "cur", "tmp")


class ForgetfulFiles(FaultyFiles):
    """Remembers what would be there after the power was cut: flushed octets under flushed names, nothing else."""

    __slots__ = ("held", "names_on_disk", "octets_on_disk", "paths")

    def __init__(self) -> None:
        super().__init__()
        self.paths: dict[int, str] = {}
        self.octets_on_disk: dict[int, bytes] = {}
        self.names_on_disk: dict[str, dict[str, int]] = {}
        self.held: dict[str, int] = {}

    def create(self, path: str) -> int:
        return self._named(super().create(path), path)

    def open(self, path: str, follow: bool = True) -> int:
        return self._named(super().open(path, follow), path)

    def open_journal(self, path: str) -> int:
        return self._named(super().open_journal(path), path)

    def rename(self, source: str, target: str) -> None:
        super().rename(source, target)
        # A directory keeps the names in it, whatever its own is.
        old, new = os.path.realpath(source) + "/", os.path.realpath(target) + "/"
        for place in [place for place in self.names_on_disk if place.startswith(old)]:
            self.names_on_disk[new + place.removeprefix(old)] = self.names_on_disk.pop(place)

    def close(self, descriptor: int) -> None:
        super().close(descriptor)
        self.held = {path: holder for path, holder in self.held.items() if holder != descriptor}

    def lock(self, descriptor: int, wait: bool = False) -> bool:
        """Without the system's locks, which a machine that lost its power would not have any more."""
        return self.held.setdefault(self.paths[descriptor], descriptor) == descriptor

    def flush(self, descriptor: int) -> None:
        super().flush(descriptor)
        size, inode = os.fstat(descriptor).st_size, os.fstat(descriptor).st_ino
        # Read anew: a descriptor may be for writing only.
        self.octets_on_disk[inode] = Path(f"/proc/self/fd/{descriptor}").read_bytes()[:size]

    def flush_directory(self, path: str) -> None:
        super().flush_directory(path)
        self._note_names(path)

    def flush_all(self, path: str) -> None:
        super().flush_all(path)
        for place, _, names in os.walk(path):
            if os.path.basename(place) in _MAIL:
                self._note_names(place)
                for name in names:
                    file = Path(place, name)
                    self.octets_on_disk[file.stat().st_ino] = file.read_bytes()

    def cut_power(self, directory: str) -> None:
        """Make files what they would be: the worst that a disk may do. No lock is left."""
        self.held.clear()
        for place, _, names in os.walk(directory):
            if os.path.basename(place) in _MAIL:
                known = self.names_on_disk.get(os.path.realpath(place), {})
                self._lay(place, names, known)
            elif os.path.basename(place) == DIRECTORY:
                self._lay(place, names, {name: Path(place, name).stat().st_ino for name in names})

    def _lay(self, place: str, names: list[str], wanted: dict[str, int]) -> None:
        for name in names:
            os.unlink(os.path.join(place, name))
        for name, inode in wanted.items():
            # A name whose octets were not flushed is an empty file, as file systems leave it.
            path = Path(place, name)
            octets = self.octets_on_disk.get(inode, b"")
            path.write_bytes(octets)
            self.octets_on_disk[path.stat().st_ino] = octets
        self._note_names(place)

    def _named(self, descriptor: int, path: str) -> int:
        self.paths[descriptor] = path
        return descriptor

    def _note_names(self, path: str) -> None:
        self.names_on_disk[os.path.realpath(path)] = {entry.name: entry.inode() for entry in os.scandir(path)}


class ForgetfulCase(MaildirCase):
    """A store on such a disk, whose catalogues forget as well."""

    def setUp(self) -> None:
        super().setUp()
        self.wait(self.store.stop())
        self.files = ForgetfulFiles()
        self.boots = 1
        self.catalogues = self.mktemp()
        for room in ("catalogue.sqlite.catalogue", "maildrop.threads"):
            patched = mock.patch(f"mailframe.store.{room}.flush_log", self._flush_log)
            patched.start()
            self.addCleanup(patched.stop)
        self.store = self.started()

    def cut_power(self, catalogues_too: bool = True) -> None:
        """The machine stops without a warning, and comes back.

        Args:
            catalogues_too: catalogues forget what was not flushed; else they happen to know everything.
        """
        self.files.cut_power(self.directory)
        if catalogues_too:
            self._forget_rows()
        self.addCleanup(lambda store=self.store: self.wait(store.stop()))
        self.boots += 1
        self.store = self.started(f"boot-{self.boots}")

    def _flush_log(self, path: str) -> None:
        flush_log(path)
        saved = os.path.join(self.catalogues, os.path.relpath(path, self.directory))
        os.makedirs(os.path.dirname(saved), exist_ok=True)
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copy(path + suffix, saved + suffix)

    def _forget_rows(self) -> None:
        for place, _, names in os.walk(self.directory):
            for name in names:
                if name.startswith(CATALOGUE):
                    os.unlink(os.path.join(place, name))
            saved = os.path.join(self.catalogues, os.path.relpath(place, self.directory), CATALOGUE)
            for suffix in ("", "-wal"):
                if os.path.exists(saved + suffix):
                    shutil.copy(saved + suffix, os.path.join(place, CATALOGUE + suffix))
