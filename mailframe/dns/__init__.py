"""Asking the DNS: a caching stub resolver of our own, over UDP and TCP, on the codec of ``twisted.names.dns``."""
