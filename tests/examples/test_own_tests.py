"""The tests that «Testing your own code» shows pass as they stand."""

from __future__ import annotations

import runpy
import sys
import types
import unittest
from pathlib import Path

from twisted.trial.runner import TestLoader
from twisted.trial.unittest import SynchronousTestCase

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "own_tests.py"


class OwnTestsExampleTests(SynchronousTestCase):
    """The example's tests, run inside this one."""

    def test_they_pass(self) -> None:
        """A store's contract and a policy's dialogue: all pass, and there are as many as the page says."""
        module = types.ModuleType("own_tests")
        module.__dict__.update(runpy.run_path(str(EXAMPLE), run_name="own_tests"))
        self.patch(sys, "modules", {**sys.modules, "own_tests": module})
        suite = TestLoader().suiteFactory(
            TestLoader().loadClass(value)
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, unittest.TestCase)
            and value.__module__ == "own_tests"
        )
        result = unittest.TestResult()
        suite.run(result)
        self.assertTrue(result.wasSuccessful(), [*result.errors, *result.failures])
        self.assertGreater(result.testsRun, 100)
