"""Tests of `mailframe.delivery`."""
