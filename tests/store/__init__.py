"""Tests of `mailframe.store`."""
