"""Tests of `mailframe.smtp.wire`."""
