"""Tests of `mailframe.testing`."""
