"""MTA-STS (RFC 8461): policies that domains publish over HTTPS, kept as long as they say."""
