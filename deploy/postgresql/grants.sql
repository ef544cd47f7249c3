-- What a gateway's role needs, and no more: it adds records, and neither changes nor deletes one. The tables belong to
-- another role, which made them (`rootgate journal prepare`). See docs/OPERATIONS.md, "PostgreSQL".
GRANT USAGE ON SCHEMA rootgate TO :gateway;
GRANT SELECT ON ALL TABLES IN SCHEMA rootgate TO :gateway;
GRANT INSERT ON rootgate.records TO :gateway;
-- Its turn to append is the lock of a row, which PostgreSQL lets nobody take who may update nothing of it.
GRANT UPDATE (turn) ON rootgate.journal TO :gateway;
GRANT INSERT, DELETE ON rootgate.open_intents, rootgate.policy_backups, rootgate.probe TO :gateway;
GRANT INSERT, UPDATE, DELETE ON rootgate.requests, rootgate.instances TO :gateway;
