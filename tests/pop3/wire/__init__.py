"""Tests of `mailframe.pop3.wire`."""
