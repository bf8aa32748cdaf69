"""Tests of `mailframe.location`."""
