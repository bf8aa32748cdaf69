"""Tests of `mailframe.link`."""
