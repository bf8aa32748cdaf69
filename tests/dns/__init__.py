"""Tests of `mailframe.dns`."""
