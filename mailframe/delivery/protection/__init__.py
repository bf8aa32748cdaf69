"""What TLS has to give with the hosts that mail goes to: DANE (RFC 7672), MTA-STS (RFC 8461), and the configuration.

`combined` is the source of policies that deliveries ask; the others are what it asks, each on its own.
"""
