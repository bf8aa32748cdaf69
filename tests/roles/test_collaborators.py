"""What embedders use to start and stop what roles share."""

from __future__ import annotations

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.roles.collaborators import Collaborators


class Thing:
    """Notes when it is started and stopped."""

    def __init__(self, name: str, notes: list[str], broken: bool = False) -> None:
        self.name, self.notes, self.broken = name, notes, broken

    async def start(self) -> None:
        """Note, or fail."""
        if self.broken:
            raise OSError(f"{self.name} cannot start")
        self.notes.append(f"start {self.name}")

    async def stop(self) -> None:
        """Note, or fail."""
        if self.broken:
            raise OSError(f"{self.name} cannot stop")
        self.notes.append(f"stop {self.name}")


class CollaboratorsTests(SynchronousTestCase):
    """In order, and back."""

    def test_order(self) -> None:
        """They start in their order and stop in the other; what has neither is let alone."""
        notes: list[str] = []
        service = Collaborators(Thing("directory", notes), object(), Thing("store", notes))
        parent = MultiService()
        service.setServiceParent(parent)
        parent.startService()
        self.successResultOf(parent.stopService())
        self.assertEqual(notes, ["start directory", "start store", "stop store", "stop directory"])

    def test_faults(self) -> None:
        """One that cannot start is told; one that cannot stop does not keep the others open."""
        notes: list[str] = []
        service = Collaborators(Thing("directory", notes), Thing("store", notes, broken=True))
        service.startService()
        self.failureResultOf(Deferred.fromCoroutine(service.ready()), OSError)
        self.successResultOf(service.stopService())
        self.assertEqual(notes[-1], "stop directory")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)
