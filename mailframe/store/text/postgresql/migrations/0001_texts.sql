-- The text of messages, for SEARCH. All of it can be made again at any time.

-- mailbox_id: '' when its texts are void and being removed.
CREATE TABLE mail_text_mailboxes (
    mailbox integer PRIMARY KEY,
    account integer NOT NULL,
    mailbox_id text COLLATE "C" NOT NULL,
    uidvalidity bigint NOT NULL,
    covered bigint NOT NULL
);
CREATE INDEX mail_text_mailboxes_account ON mail_text_mailboxes (account);

-- id: as that of the message. head: fields as "name: body", with U+0002 in between.
CREATE TABLE mail_texts (
    id bigint PRIMARY KEY,
    mailbox integer NOT NULL,
    head text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    sent integer,
    whole boolean NOT NULL
);
CREATE INDEX mail_texts_parts ON mail_texts (id) WHERE NOT whole;

-- Read in half the time, where the server can do it.
DO $$ BEGIN
    -- As a string: servers before 14 would refuse the whole block.
    EXECUTE 'ALTER TABLE mail_texts ALTER COLUMN body SET COMPRESSION lz4, ALTER COLUMN head SET COMPRESSION lz4';
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'texts are compressed as usual: %', SQLERRM;
END $$;
