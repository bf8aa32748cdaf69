-- All accounts: what is known of their mailboxes and messages. The octets lie elsewhere.

-- uidvalidity: the highest ever given to a mailbox of the account.
-- started: when the server was started under which the account was last written: commits are not flushed one by one,
-- and numbers of those that a server lost when it stopped must not be given again.
-- removed: nobody sees it any more, and its rows go bit by bit.
CREATE TABLE mail_accounts (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    uidvalidity bigint NOT NULL DEFAULT 0,
    started text NOT NULL,
    removed boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX mail_accounts_name ON mail_accounts (name) WHERE NOT removed;
CREATE INDEX mail_accounts_removed ON mail_accounts (id) WHERE removed;

CREATE TABLE mail_settings (
    account integer NOT NULL REFERENCES mail_accounts ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (account, key)
);

-- Columns as in the catalogue of files. messages, unseen, deleted, octets: kept by triggers.
CREATE TABLE mail_mailboxes (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account integer NOT NULL REFERENCES mail_accounts,
    name text COLLATE "C" NOT NULL,
    folder text COLLATE "C" NOT NULL,
    mailbox_id text COLLATE "C" NOT NULL,
    special_use text,
    uidvalidity bigint NOT NULL,
    uidnext bigint NOT NULL DEFAULT 1,
    modseq bigint NOT NULL DEFAULT 1,
    first_recent bigint NOT NULL DEFAULT 1,
    keywords_version bigint NOT NULL DEFAULT 0,
    vanished_from bigint NOT NULL DEFAULT 0,
    new_time bigint NOT NULL DEFAULT 0,
    cur_time bigint NOT NULL DEFAULT 0,
    settled bigint NOT NULL DEFAULT 0,
    messages bigint NOT NULL DEFAULT 0,
    unseen bigint NOT NULL DEFAULT 0,
    deleted bigint NOT NULL DEFAULT 0,
    octets bigint NOT NULL DEFAULT 0,
    UNIQUE (account, name),
    UNIQUE (account, mailbox_id)
) WITH (fillfactor = 50);  -- each delivery writes one of these rows: room for the next one in the same page

-- id: mailbox << 32 | uid, so that one index serves by UID.
-- flags: 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft.
-- keywords: NULL for none, else one bit a keyword number, little end first.
-- file, info, disk_size, form: the layout's own.
CREATE TABLE mail_messages (
    id bigint PRIMARY KEY,
    mailbox integer NOT NULL,
    modseq bigint NOT NULL,
    flags smallint NOT NULL,
    keywords bytea,
    internal_date bigint NOT NULL,
    size bigint NOT NULL,
    save_date bigint NOT NULL,
    email_id text COLLATE "C" NOT NULL,
    thread_id text COLLATE "C" NOT NULL,
    file bigint NOT NULL,
    info text,
    disk_size bigint NOT NULL,
    form integer
);
CREATE INDEX mail_messages_modseq ON mail_messages (mailbox, modseq);
CREATE INDEX mail_messages_unseen ON mail_messages (id) WHERE flags & 1 = 0;
CREATE INDEX mail_messages_deleted ON mail_messages (id) WHERE flags & 8 <> 0;
CREATE INDEX mail_messages_keywords ON mail_messages (mailbox, keywords) WHERE keywords IS NOT NULL;
-- How many messages have a content: counted here, and nowhere else, so that no count can be wrong.
CREATE INDEX mail_messages_file ON mail_messages (file);

CREATE TABLE mail_descriptions (
    id bigint PRIMARY KEY,
    envelope bytea NOT NULL,
    bodystructure bytea NOT NULL,
    body bytea NOT NULL,
    parts bytea NOT NULL,
    preview text
);

CREATE TABLE mail_uidls (id bigint PRIMARY KEY, uidl text NOT NULL);

CREATE TABLE mail_vanished (
    mailbox integer NOT NULL,
    modseq bigint NOT NULL,
    uid bigint NOT NULL,
    PRIMARY KEY (mailbox, modseq, uid)
);

CREATE TABLE mail_keywords (
    mailbox integer NOT NULL REFERENCES mail_mailboxes ON DELETE CASCADE,
    number integer NOT NULL,
    spelling text NOT NULL,
    PRIMARY KEY (mailbox, number)
);

CREATE TABLE mail_subscriptions (
    account integer NOT NULL REFERENCES mail_accounts ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, name)
);

CREATE TABLE mail_access (
    account integer NOT NULL REFERENCES mail_accounts ON DELETE CASCADE,
    mailbox_id text COLLATE "C" NOT NULL,
    identifier text COLLATE "C" NOT NULL,
    rights text NOT NULL,
    PRIMARY KEY (account, mailbox_id, identifier)
);

CREATE TABLE mail_annotations (
    account integer NOT NULL REFERENCES mail_accounts ON DELETE CASCADE,
    mailbox_id text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL,
    entry text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (account, mailbox_id, owner, entry)
);

CREATE TABLE mail_threads (
    account integer NOT NULL,
    reference bigint NOT NULL,
    thread_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, reference)
);

-- Figures of mailboxes: once a statement, however many messages it touches.
CREATE FUNCTION mail_messages_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mail_mailboxes AS box SET messages = box.messages + came.messages, octets = box.octets + came.octets,
        unseen = box.unseen + came.unseen, deleted = box.deleted + came.deleted
    FROM (
        SELECT mailbox, count(*) AS messages, sum(size) AS octets,
            count(*) FILTER (WHERE flags & 1 = 0) AS unseen, count(*) FILTER (WHERE flags & 8 <> 0) AS deleted
        FROM coming GROUP BY mailbox
    ) AS came WHERE box.id = came.mailbox;
    RETURN NULL;
END $$;
CREATE TRIGGER mail_messages_came AFTER INSERT ON mail_messages
    REFERENCING NEW TABLE AS coming FOR EACH STATEMENT EXECUTE FUNCTION mail_messages_came();

CREATE FUNCTION mail_messages_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mail_mailboxes AS box SET messages = box.messages - went.messages, octets = box.octets - went.octets,
        unseen = box.unseen - went.unseen, deleted = box.deleted - went.deleted
    FROM (
        SELECT mailbox, count(*) AS messages, sum(size) AS octets,
            count(*) FILTER (WHERE flags & 1 = 0) AS unseen, count(*) FILTER (WHERE flags & 8 <> 0) AS deleted
        FROM going GROUP BY mailbox
    ) AS went WHERE box.id = went.mailbox;
    DELETE FROM mail_descriptions USING going WHERE mail_descriptions.id = going.id;
    DELETE FROM mail_uidls USING going WHERE mail_uidls.id = going.id;
    RETURN NULL;
END $$;
CREATE TRIGGER mail_messages_went AFTER DELETE ON mail_messages
    REFERENCING OLD TABLE AS going FOR EACH STATEMENT EXECUTE FUNCTION mail_messages_went();

CREATE FUNCTION mail_messages_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE mail_mailboxes AS box SET octets = box.octets + changed.octets,
        unseen = box.unseen + changed.unseen, deleted = box.deleted + changed.deleted
    FROM (
        SELECT mailbox, sum(sign * size) AS octets, sum(sign * (flags & 1 = 0)::integer) AS unseen,
            sum(sign * (flags & 8 <> 0)::integer) AS deleted
        FROM (
            SELECT mailbox, size, flags, 1 AS sign FROM after
            UNION ALL SELECT mailbox, size, flags, -1 FROM before
        ) AS both_sides GROUP BY mailbox
    ) AS changed
    WHERE box.id = changed.mailbox AND (changed.octets <> 0 OR changed.unseen <> 0 OR changed.deleted <> 0);
    RETURN NULL;
END $$;
CREATE TRIGGER mail_messages_changed AFTER UPDATE ON mail_messages
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION mail_messages_changed();
