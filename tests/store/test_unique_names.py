"""Names that no other file has."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from mailframe.store.unique_names import UniqueNames


class UniqueNamesTests(SynchronousTestCase):
    """Names that no other file has."""

    def test_unique(self) -> None:
        """Names made in many threads at once differ."""
        names, found = UniqueNames(), []
        threads = [
            threading.Thread(target=lambda: found.extend(names.next() for _ in range(500))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(set(found)), 2000)

    def test_host(self) -> None:
        """Signs that mean something in a file name are not taken over from the machine's name."""
        name = UniqueNames("a/b:c,d").next()
        self.assertTrue(name.endswith(".a\\057b\\072c\\054d"), name)
