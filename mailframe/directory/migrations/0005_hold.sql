-- Why nobody may use a mailbox for now, such as 'moving to s2', and until when.

ALTER TABLE account ADD COLUMN hold TEXT NOT NULL DEFAULT '';            -- '' where all is well
ALTER TABLE account ADD COLUMN hold_until INTEGER NOT NULL DEFAULT 0;    -- seconds since 1970, 0 for no end
