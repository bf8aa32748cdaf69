"""Tests of `mailframe.dialogue`."""
