"""POP3 sessions of hypothesis' making, against a model."""
