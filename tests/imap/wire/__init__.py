"""Tests of `mailframe.imap.wire`."""
