"""Full text: the decoded text of messages, kept so that SEARCH need not read and decode them each time."""
