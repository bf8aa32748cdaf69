"""Declares what comes with Mailframe, the way any other package declares its own."""

from mailframe.registry import (
    Declaration,
    IAuthenticatorFactory,
    IDeliveryFactory,
    IDirectoryFactory,
    IFilterFactory,
    IMailStoreFactory,
    IPolicyFactory,
    IRoleFactory,
    ISpoolFactory,
)

mx = Declaration(
    IRoleFactory,
    name="mx",
    summary="Takes mail from anyone for our own domains",
    schema="mailframe.roles.options.MXOptions",
    implementation="mailframe.roles.mx.build",
)
relay = Declaration(
    IRoleFactory,
    name="relay",
    summary="Takes mail from our own users, who log in",
    schema="mailframe.roles.options.RelayOptions",
    implementation="mailframe.roles.relay.build",
)
router = Declaration(
    IRoleFactory,
    name="router",
    summary="Takes mail from our own hosts and sends it on, by a queue",
    schema="mailframe.roles.options.RouterOptions",
    implementation="mailframe.roles.router.build",
)
store = Declaration(
    IRoleFactory,
    name="store",
    summary="Keeps mailboxes: LMTP in, IMAP and POP3 out",
    schema="mailframe.roles.options.StoreOptions",
    implementation="mailframe.roles.store.build",
)
proxy = Declaration(
    IRoleFactory,
    name="proxy",
    summary="One front door for the mailboxes of several stores",
    schema="mailframe.roles.options.ProxyOptions",
    implementation="mailframe.roles.proxy.build",
)

maildir = Declaration(
    IMailStoreFactory,
    name="maildir",
    summary="Maildir++ folders with an SQLite catalogue an account",
    schema="mailframe.store.maildir.options.MaildirOptions",
    implementation="mailframe.roles.backends.build_maildir",
)
mbox = Declaration(
    IMailStoreFactory,
    name="mbox",
    summary="Mbox files, shared with other programs, with an SQLite catalogue an account",
    schema="mailframe.store.mbox.options.MboxOptions",
    implementation="mailframe.roles.backends.build_mbox",
)
sqlite_store = Declaration(
    IMailStoreFactory,
    name="sqlite",
    summary="One SQLite file an account, for its catalogue and its messages",
    schema="mailframe.store.sqlite.options.SQLiteStoreOptions",
    implementation="mailframe.roles.backends.build_sqlite_store",
)
postgresql_store = Declaration(
    IMailStoreFactory,
    name="postgresql",
    summary="A PostgreSQL database that several nodes share, for catalogues and messages",
    schema="mailframe.store.postgresql.options.PostgreSQLStoreOptions",
    implementation="mailframe.roles.backends.build_postgresql_store",
    install="mailframe[postgres]",
)
memory_store = Declaration(
    IMailStoreFactory,
    name="memory",
    summary="Keeps mail until the process ends; for tests and examples",
    schema="mailframe.store.options.MemoryStoreOptions",
    implementation="mailframe.roles.backends.build_memory_store",
)

sqlite = Declaration(
    IDirectoryFactory,
    name="sqlite",
    summary="Accounts, aliases and domains in one SQLite file, managed by commands",
    schema="mailframe.directory.options.SQLiteOptions",
    implementation="mailframe.roles.backends.build_sqlite_directory",
)
file_directory = Declaration(
    IDirectoryFactory,
    name="file",
    summary="Accounts and aliases in text files, read again when they change",
    schema="mailframe.directory.file.options.FileDirectoryOptions",
    implementation="mailframe.roles.backends.build_file_directory",
)
static_directory = Declaration(
    IDirectoryFactory,
    name="static",
    summary="Accounts and aliases written in the configuration",
    schema="mailframe.directory.options.MemoryDirectoryOptions",
    implementation="mailframe.roles.backends.build_memory_directory",
)
memory_directory = Declaration(
    IDirectoryFactory,
    name="memory",
    summary="The same as static, under its older name",
    schema="mailframe.directory.options.MemoryDirectoryOptions",
    implementation="mailframe.roles.backends.build_memory_directory",
)
chain = Declaration(
    IDirectoryFactory,
    name="chain",
    summary="Several directories as one, in order or by domain",
    schema="mailframe.directory.composed_options.ChainOptions",
    implementation="mailframe.roles.directories.build_chain",
)
cache = Declaration(
    IDirectoryFactory,
    name="cache",
    summary="Remembers what another directory answers, also while that is away",
    schema="mailframe.directory.composed_options.CacheOptions",
    implementation="mailframe.roles.directories.build_cache",
)
replica = Declaration(
    IDirectoryFactory,
    name="replica",
    summary="A complete copy of another directory in a local file, which serves while that is away",
    schema="mailframe.directory.composed_options.ReplicaOptions",
    implementation="mailframe.roles.directories.build_replica",
)
node_directory = Declaration(
    IDirectoryFactory,
    name="node",
    summary="The directory of another node of ours, to keep a copy of",
    schema="mailframe.directory.composed_options.NodeDirectoryOptions",
    implementation="mailframe.roles.directories.build_node",
)
postgresql_directory = Declaration(
    IDirectoryFactory,
    name="postgresql",
    summary="Domains, accounts and aliases in a PostgreSQL database that nodes share",
    schema="mailframe.directory.postgresql.options.PostgreSQLDirectoryOptions",
    implementation="mailframe.roles.backends.build_postgresql_directory",
    install="mailframe[postgres]",
)
sqlite_map = Declaration(
    IDirectoryFactory,
    name="sqlite-map",
    summary="A site's own tables in an SQLite file, by queries",
    schema="mailframe.directory.mapped.options.SQLiteMapOptions",
    implementation="mailframe.roles.mapped.build_sqlite_map",
)
postgresql_map = Declaration(
    IDirectoryFactory,
    name="postgresql-map",
    summary="A site's own tables in a PostgreSQL database, by queries",
    schema="mailframe.directory.mapped.options.PostgreSQLMapOptions",
    implementation="mailframe.roles.mapped.build_postgresql_map",
    install="mailframe[postgres]",
)
ldap = Declaration(
    IDirectoryFactory,
    name="ldap",
    summary="Accounts, further addresses and groups in an LDAP server",
    schema="mailframe.directory.ldap.options.LDAPOptions",
    implementation="mailframe.roles.ldap.build_ldap",
    install="mailframe[ldap]",
)
password = Declaration(
    IAuthenticatorFactory,
    name="password",
    summary="Checks passwords against the directory's hashes",
    schema="mailframe.directory.options.PasswordOptions",
    implementation="mailframe.roles.backends.build_password_authenticator",
)

loops = Declaration(
    IPolicyFactory,
    name="loops",
    summary="Refuses mail that has passed too many hosts",
    schema="mailframe.policy.options.LoopOptions",
    implementation="mailframe.roles.backends.build_loops",
)
helo = Declaration(
    IPolicyFactory,
    name="helo",
    summary="Refuses greetings that are no host name",
    schema="mailframe.policy.options.HeloOptions",
    implementation="mailframe.roles.backends.build_helo",
)
login = Declaration(
    IPolicyFactory,
    name="login",
    summary="Refuses senders who have not logged in",
    schema="mailframe.policy.options.LoginOptions",
    implementation="mailframe.roles.backends.build_login",
)

trace = Declaration(
    IFilterFactory,
    name="trace",
    summary="Puts the Received field in front",
    schema="mailframe.filters.options.TraceOptions",
    implementation="mailframe.roles.backends.build_trace",
)

smarthost = Declaration(
    IDeliveryFactory,
    name="smarthost",
    summary="Hands all mail to the next hop, by SMTP",
    schema="mailframe.delivery.options.SmarthostOptions",
    implementation="mailframe.roles.next_hops.build_smarthost",
)
lmtp = Declaration(
    IDeliveryFactory,
    name="lmtp",
    summary="Hands mail for mailboxes to the node that has them, by LMTP",
    schema="mailframe.delivery.options.LMTPOptions",
    implementation="mailframe.roles.next_hops.build_lmtp",
)
to_stores = Declaration(
    IDeliveryFactory,
    name="stores",
    summary="Hands mail for mailboxes to the stores of a farm that have them, by LMTP",
    schema="mailframe.delivery.options.StoresDeliveryOptions",
    implementation="mailframe.roles.next_hops.build_stores",
)
to_store = Declaration(
    IDeliveryFactory,
    name="store",
    summary="Puts mail for mailboxes into this node's store",
    schema="mailframe.delivery.options.StoreDeliveryOptions",
    implementation="mailframe.roles.ways.build_store_delivery",
)
remote = Declaration(
    IDeliveryFactory,
    name="remote",
    summary="Sends mail to the hosts that the DNS names for its domains",
    schema="mailframe.delivery.remote_options.RemoteOptions",
    implementation="mailframe.roles.ways.build_remote",
)
to_queue = Declaration(
    IDeliveryFactory,
    name="queue",
    summary="Puts mail into this node's queue, which finds its way",
    schema="mailframe.delivery.options.QueueDeliveryOptions",
    implementation="mailframe.roles.ways.build_queue_delivery",
)
pipe = Declaration(
    IDeliveryFactory,
    name="pipe",
    summary="Hands mail to a program",
    schema="mailframe.delivery.options.PipeOptions",
    implementation="mailframe.roles.next_hops.build_pipe",
)
discard = Declaration(
    IDeliveryFactory,
    name="discard",
    summary="Throws mail away",
    schema="mailframe.delivery.options.DiscardOptions",
    implementation="mailframe.roles.next_hops.build_discard",
)

sqlite_spool = Declaration(
    ISpoolFactory,
    name="sqlite",
    summary="Keeps the queue in files of this machine",
    schema="mailframe.queue.spool.options.SQLiteSpoolOptions",
    implementation="mailframe.roles.spools.build_sqlite",
)
postgresql_spool = Declaration(
    ISpoolFactory,
    name="postgresql",
    summary="Keeps the queue in a PostgreSQL database that several nodes share",
    schema="mailframe.queue.spool.options.PostgreSQLSpoolOptions",
    implementation="mailframe.roles.spools.build_postgresql",
    install="mailframe[postgres]",
)
memory_spool = Declaration(
    ISpoolFactory,
    name="memory",
    summary="Keeps the queue until the process ends; for tests and examples",
    schema="mailframe.queue.spool.options.MemorySpoolOptions",
    implementation="mailframe.roles.spools.build_memory",
)
