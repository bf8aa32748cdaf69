"""Tests of `mailframe.policy`."""
