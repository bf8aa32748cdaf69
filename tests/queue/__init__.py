"""Tests of `mailframe.queue`."""
