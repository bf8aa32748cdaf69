-- What a message is sorted and threaded by (mailframe.message.sort_keys), since somebody first asked.
CREATE TABLE mail_sort_keys (id bigint PRIMARY KEY, keys bytea NOT NULL);

CREATE FUNCTION mail_sort_keys_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM mail_sort_keys USING going WHERE mail_sort_keys.id = going.id;
    RETURN NULL;
END $$;
CREATE TRIGGER mail_sort_keys_went AFTER DELETE ON mail_messages
    REFERENCING OLD TABLE AS going FOR EACH STATEMENT EXECUTE FUNCTION mail_sort_keys_went();
