-- In whose accounts somebody has rights, over all accounts: asked whenever mailboxes of others are listed.
CREATE INDEX mail_access_identifier ON mail_access (identifier, account);
