"""Tests of `mailframe.message`."""
