-- The octets of messages, each content once for all accounts. The rooms' tables are those of the catalogue, and these.

-- hash: SHA-256 of the octets; NULL while a large one is still coming, in pieces.
-- octets: of a small content; NULL: they are in mail_pieces.
-- touched: when somebody was last about to give it to a message. Whatever has no message is removed some time after.
CREATE TABLE mail_contents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash bytea UNIQUE,
    size bigint NOT NULL,
    octets bytea,
    touched timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 90);
-- Not compressed: a window of a piece is read without what is before it, and messages are encoded as they are.
ALTER TABLE mail_contents ALTER COLUMN octets SET STORAGE EXTERNAL;

CREATE TABLE mail_pieces (
    content bigint NOT NULL REFERENCES mail_contents ON DELETE CASCADE,
    place integer NOT NULL,
    octets bytea NOT NULL,
    PRIMARY KEY (content, place)
);
ALTER TABLE mail_pieces ALTER COLUMN octets SET STORAGE EXTERNAL;

-- Contents that a message had, and that perhaps none has any more.
CREATE TABLE mail_released (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content bigint NOT NULL,
    released timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION mail_mailbox_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO mail_released (content) SELECT DISTINCT file FROM mail_messages WHERE mailbox = OLD.id;
    RETURN OLD;
END $$;
CREATE TRIGGER mail_mailbox_goes BEFORE DELETE ON mail_mailboxes
    FOR EACH ROW EXECUTE FUNCTION mail_mailbox_goes();
