"""A pluggable mail service on Twisted. The rooms, in the order a message walks through them:

- `mailframe.dialogue`: commands and replies on one connection
- `mailframe.smtp`: SMTP and LMTP; here mail comes in
- `mailframe.policy`: may it?
- `mailframe.routing`: to whom, and which way?
- `mailframe.filters`: trace fields and other changes to content
- `mailframe.queue`: mail that was accepted and has not gone on
- `mailframe.delivery`: ways out: into the store, or by `mailframe.smtp.client` to another host
- `mailframe.tlsrpt`: what became of TLS on the way out, told to the domains that ask
- `mailframe.store`: mail at rest
- `mailframe.imap`, `mailframe.pop3`: here mail is read
- `mailframe.transfer`: whole accounts move: from other servers, files and backends, and to them

What they all speak of is in `mailframe.message`; who the people are, in `mailframe.directory`; how much they may
ask for, in `mailframe.limits`. How they prove it is in `mailframe.sasl`, over connections that `mailframe.tls`
protects. What a node is made of is chosen in `mailframe.roles` and run by `mailframe.node`; `mailframe.database`
writes for stores and directories, `mailframe.dns` asks about names, `mailframe.monitor` counts and logs;
`mailframe.config` and `mailframe.cli` are for people.

For authors of plugins: `mailframe.interfaces` lists every public interface, `mailframe.testing` has fakes and the
contracts that backends are held to.
"""

__version__ = "0.1.0.dev0"
