"""Tests of `mailframe.pop3`."""
