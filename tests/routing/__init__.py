"""Tests of `mailframe.routing`."""
