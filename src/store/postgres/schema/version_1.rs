//! The first version of the tables.

/// In order. The triggers are for accidents; against intent there is the chain.
pub(super) const STATEMENTS: &[&str] = &[
    // Whoever administers the database may have made it, so that the role needs no more.
    "DO $$ BEGIN IF to_regnamespace('rootgate') IS NULL THEN CREATE SCHEMA rootgate; END IF; END $$",
    // `turn` is never read: to hold it is the right to append, and to be granted its update is enough for that.
    "CREATE TABLE rootgate.journal (id int2 PRIMARY KEY CHECK (id = 1), application text NOT NULL, \
        schema_version int8 NOT NULL, turn int8 NOT NULL DEFAULT 0)",
    "CREATE TABLE rootgate.records (idx int8 PRIMARY KEY, hash bytea NOT NULL, body text NOT NULL)",
    // A fact of a body. Null where it is no JSON: no gateway wrote that, and it must not keep anybody from reading the rest.
    // JSON may hold \u0000, which text of PostgreSQL cannot: it is left out, with care for an escaped backslash before.
    "CREATE FUNCTION rootgate.fact(body text, name text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$ \
        BEGIN \
            IF strpos(body, '\\u0000') > 0 THEN \
                body := regexp_replace(body, '(\\\\\\\\)|\\\\u0000', '\\1', 'g'); \
            END IF; \
            RETURN body::json ->> name; \
        EXCEPTION WHEN data_exception THEN RETURN NULL; \
        END $$",
    // Over the bodies themselves, so that no fact stands beside its record and could be edited alone.
    "CREATE INDEX records_of_account ON rootgate.records (rootgate.fact(body, 'account_id'), idx) \
        WHERE rootgate.fact(body, 'account_id') IS NOT NULL",
    "CREATE INDEX records_of_operation ON rootgate.records (rootgate.fact(body, 'operation_id'), idx) \
        WHERE rootgate.fact(body, 'operation_id') IS NOT NULL",
    "CREATE TABLE rootgate.open_intents (idx int8 PRIMARY KEY, operation_id text NOT NULL, target text, \
        instance text NOT NULL)",
    "CREATE UNIQUE INDEX open_intents_hold_targets ON rootgate.open_intents (target) WHERE target IS NOT NULL",
    "CREATE TABLE rootgate.instances (instance text PRIMARY KEY, lives_until timestamptz NOT NULL)",
    "CREATE TABLE rootgate.policy_backups (id text PRIMARY KEY, journal_index int8 NOT NULL UNIQUE, \
        created_at int8 NOT NULL, account_id text NOT NULL, resource text NOT NULL, region text NOT NULL, \
        operation text NOT NULL, caller text NOT NULL, reason text NOT NULL, ticket text, policy_sha256 text NOT NULL, \
        policy text NOT NULL)",
    "CREATE INDEX policy_backups_of_account ON rootgate.policy_backups (account_id, journal_index)",
    "CREATE INDEX policy_backups_by_age ON rootgate.policy_backups (created_at)",
    "CREATE TABLE rootgate.requests (caller text NOT NULL, request_id text NOT NULL, digest text NOT NULL, \
        operation_id text NOT NULL, intent_index int8 NOT NULL UNIQUE, outcome_index int8, reply bytea, \
        created_at int8 NOT NULL, PRIMARY KEY (caller, request_id))",
    "CREATE INDEX requests_by_age ON rootgate.requests (created_at)",
    // EXTERNAL: not compressed, so that it really takes the room.
    "CREATE TABLE rootgate.probe (id int2 PRIMARY KEY, room bytea NOT NULL)",
    "ALTER TABLE rootgate.probe ALTER COLUMN room SET STORAGE EXTERNAL",
    "CREATE TABLE rootgate.archived (id int2 PRIMARY KEY CHECK (id = 1), last_index int8 NOT NULL, hash bytea NOT NULL)",
    "CREATE FUNCTION rootgate.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ \
        BEGIN RAISE EXCEPTION '% of %: %', TG_OP, TG_TABLE_NAME, TG_ARGV[0]; END $$",
    "CREATE FUNCTION rootgate.keep_what_is_not_archived() RETURNS trigger LANGUAGE plpgsql AS $$ \
        BEGIN \
            IF OLD.idx > coalesce((SELECT last_index FROM rootgate.archived), 0) THEN \
                RAISE EXCEPTION 'records are append-only'; \
            END IF; \
            RETURN OLD; \
        END $$",
    "CREATE TRIGGER records_no_update BEFORE UPDATE ON rootgate.records FOR EACH STATEMENT \
        EXECUTE FUNCTION rootgate.refuse('records are append-only')",
    "CREATE TRIGGER records_no_delete BEFORE DELETE ON rootgate.records FOR EACH ROW \
        EXECUTE FUNCTION rootgate.keep_what_is_not_archived()",
    "CREATE TRIGGER records_no_truncate BEFORE TRUNCATE ON rootgate.records FOR EACH STATEMENT \
        EXECUTE FUNCTION rootgate.refuse('records are append-only')",
    // Rows may be deleted, for retention, and never changed.
    "CREATE TRIGGER policy_backups_no_update BEFORE UPDATE ON rootgate.policy_backups FOR EACH STATEMENT \
        EXECUTE FUNCTION rootgate.refuse('backups are never changed')",
    "CREATE TRIGGER archived_only_forward BEFORE UPDATE ON rootgate.archived FOR EACH ROW \
        WHEN (NEW.last_index < OLD.last_index) EXECUTE FUNCTION rootgate.refuse('the archive only grows')",
    "INSERT INTO rootgate.journal (id, application, schema_version) VALUES (1, 'rootgate journal', 1)",
];
