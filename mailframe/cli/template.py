"""The first configuration that ``mailframe init`` writes: every line explained, ports that need no root."""

from __future__ import annotations

import ipaddress
import json

import attrs

PORTS = {
    "smtp": 2525,
    "submission": 2587,
    "submissions": 2465,
    "lmtp": 2424,
    "imap": 2143,
    "imaps": 2993,
    "pop3": 2110,
    "pop3s": 2995,
    "status": 2580,
}
"""The port of each listener, before ``--port-offset``."""

_IMPLICIT_TLS = ("submissions", "imaps", "pop3s")
_LOOPBACK_ONLY = ("lmtp", "status")

_TEXT = """\
# Mailframe. Every option has a default; what is not here has it. All of them are explained by
#   python -m mailframe.config.reference
# After a change:  mailframe check-config --config {path}  and  mailframe reload --config {path}

[node]
# The name this node has for others: in its greeting and in trace fields. The name in your MX record.
hostname = {hostname}
# Where everything is kept, from this file's directory on: mail, accounts, the control socket.
data = "data"
# What this node does: mx takes mail from strangers for our domains, relay takes it from our own users and sends it
# out, store keeps mailboxes and gives them out by IMAP and POP3. (router takes mail from other hosts of ours.)
roles = ["mx", "relay", "store"]
# How many processes serve connections{workers_comment}.
{workers}
# The status page, /metrics and /healthz, by HTTP.
status = {status}

[log]
# "readable" for people, "json" for programs.
format = "readable"
# The least important lines that are written: debug, info, warn, error, critical.
level = "info"

[tls]
# This certificate is for trying things out: no client trusts it by itself. Put your own files here; they are
# read again when they change. More certificates may follow, the client's wish (SNI) picks one.
certificates = [
    {{ certificate = "tls/certificate.pem", key = "tls/key.pem" }},
]

[directory]
# Who has an account here. sqlite is kept by: mailframe account | alias | domain
backend = "sqlite"

[store]
# Where mail is kept.
backend = "maildir"

[queue]
# Mail on its way out is tried for so long before its sender gets it back. See also: mailframe queue
expires = "5d"

[routing]
# Mail for others goes to the hosts that the DNS names. Where a provider wants all of it, say default = "smarthost",
# and its host, user and password_file in [delivery.smarthost].
default = "remote"

[role.mx]
# SMTP from other servers, with STARTTLS. The usual port is 25.
listen = [{smtp}]
# Senders who ask for it are told that their mail has arrived.
router = "queue"

[role.relay]
# Submission from our users, who log in: with STARTTLS, and with TLS from the start ("ssl:"). Usually 587 and 465.
listen = [{submission}, {submissions}]
# Mail for other domains goes out by the queue; without this line it is refused.
router = "queue"

[role.store]
# LMTP is not asked for a password: leave it where only our own servers reach it.
lmtp = [{lmtp}]
# With STARTTLS, and with TLS from the start. Usually 143 and 993.
imap = [{imap}, {imaps}]
# Usually 110 and 995.
pop3 = [{pop3}, {pop3s}]
"""


@attrs.frozen
class FirstConfiguration:
    """What ``mailframe init`` was asked for.

    Attributes:
        path: where the file will be, for its comments.
        hostname: the node's name.
        listen: the IP address to listen on; LMTP and the status page stay on loopback.
        port_offset: added to each port.
        workers: how many processes, None for one a core.
    """

    path: str
    hostname: str
    listen: str = "127.0.0.1"
    port_offset: int = 0
    workers: int | None = None

    def port(self, name: str) -> int:
        """The port of a listener, by its key in `PORTS`."""
        return PORTS[name] + self.port_offset

    def render(self) -> str:
        """The file."""
        listeners = {
            name: _endpoint(self.port(name), self._address(name), name in _IMPLICIT_TLS) for name in PORTS
        }
        return _TEXT.format(
            path=self.path,
            hostname=json.dumps(self.hostname),
            workers_comment="; as many as processor cores, unless said" if self.workers is None else "",
            workers="# workers = 2" if self.workers is None else f"workers = {self.workers}",
            **{name: json.dumps(address) for name, address in listeners.items()},
        )

    def _address(self, name: str) -> str:
        return "127.0.0.1" if name in _LOOPBACK_ONLY else self.listen


def _endpoint(port: int, address: str, implicit_tls: bool) -> str:
    kind = "tcp"
    if ipaddress.ip_address(address).version == 6:
        kind, address = "tcp6", address.replace(":", "\\:")
    return f"{'ssl' if implicit_tls else kind}:{port}:interface={address}"
