"""A file system that breaks on demand, under SQLite."""

from __future__ import annotations

import apsw

NAME = "mailframe-faulty"


class _File(apsw.VFSFile):
    def __init__(self, name, flags, faults):
        self._faults = faults
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        self._faults.strike("write")
        super().xWrite(data, offset)

    def xSync(self, flags):
        self._faults.strike("sync")
        super().xSync(flags)

    def xRead(self, amount, offset):
        self._faults.strike("read")
        return super().xRead(amount, offset)


class Faults(apsw.VFS):
    """Registers itself as a VFS; `break_on` makes an operation raise until `mend`."""

    def __init__(self):
        self._broken = {}
        self.name = f"{NAME}-{id(self)}"
        super().__init__(self.name, "")

    def xOpen(self, name, flags):
        return _File(name, flags, self)

    def break_on(self, operation, exception):
        self._broken[operation] = exception

    def mend(self):
        self._broken.clear()

    def strike(self, operation):
        if operation in self._broken:
            raise self._broken[operation]
