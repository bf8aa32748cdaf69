"""Tests of `mailframe.directory.bulk`."""
