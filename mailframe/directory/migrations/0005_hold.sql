-- Why nobody may use a mailbox for now, such as 'moving to s2'; '' where all is well.

ALTER TABLE account ADD COLUMN hold TEXT NOT NULL DEFAULT '';
