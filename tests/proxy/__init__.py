"""Tests of `mailframe.proxy`."""
