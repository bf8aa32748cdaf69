"""Tests of directories and passwords."""
