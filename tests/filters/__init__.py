"""Tests of `mailframe.filters`."""
