"""Tests of `mailframe.imap`."""
