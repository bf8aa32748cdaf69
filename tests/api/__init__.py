"""Tests of `mailframe.api`."""
