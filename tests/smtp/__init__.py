"""Tests of `mailframe.smtp`."""
