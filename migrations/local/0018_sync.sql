-- The hub of a tenant, and how far it holds the logs. The evidence log itself is what is sent: nothing
-- is queued a second time.

-- The private key is sealed with the master key. A row without a hub key is an enrolment that has
-- not been answered; it keeps its key for the next attempt.
CREATE TABLE sync_links (
    tenant_id        TEXT    NOT NULL PRIMARY KEY REFERENCES tenants (id),
    hub_url          TEXT    NOT NULL,
    allow_plain_http INTEGER NOT NULL CHECK (allow_plain_http IN (0, 1)),
    tls_ca           TEXT,
    appliance        BLOB    NOT NULL CHECK (length(appliance) = 16),
    public_key       BLOB    NOT NULL CHECK (length(public_key) = 32),
    sealed_key       BLOB    NOT NULL,
    hub_tenant       BLOB             CHECK (length(hub_tenant) = 16),
    hub_tenant_name  TEXT    NOT NULL,
    hub_key          BLOB             CHECK (length(hub_key) = 32),
    hub_recipient    TEXT    NOT NULL,
    enrolled_at      INTEGER,
    enrolled_by      TEXT    NOT NULL,
    -- 1 status, 2 and incidents and events.
    level            INTEGER NOT NULL CHECK (level BETWEEN 1 AND 4),
    includes_audit   INTEGER NOT NULL CHECK (includes_audit IN (0, 1)),
    cap_kbit         INTEGER          CHECK (cap_kbit >= 1),
    -- Minutes of the day in the time zone; equal ends are the whole day.
    hours_from       INTEGER NOT NULL CHECK (hours_from BETWEEN 0 AND 1439),
    hours_to         INTEGER NOT NULL CHECK (hours_to BETWEEN 0 AND 1439),
    time_zone        TEXT    NOT NULL,
    is_paused        INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
    changes_rev      INTEGER NOT NULL CHECK (changes_rev >= 0),
    last_receipt_at  INTEGER
) STRICT;

-- How far the hub is known to hold a log, by its signed word, and whether the hub holds another history under the same name.
CREATE TABLE sync_cursors (
    tenant_id   TEXT    NOT NULL,
    epoch_no    INTEGER NOT NULL,
    stream      INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 5),
    acked_seq   INTEGER NOT NULL CHECK (acked_seq >= 0),
    acked_hash  BLOB    NOT NULL CHECK (length(acked_hash) = 32),
    acked_at    INTEGER,
    forked_at   INTEGER,
    fork_seen   TEXT,
    PRIMARY KEY (tenant_id, epoch_no, stream)
) STRICT, WITHOUT ROWID;

-- What the hub last made of a user, so that a change made here since is noticed.
CREATE TABLE sync_users (
    tenant_id TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    rev       INTEGER NOT NULL,
    role      TEXT    NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    PRIMARY KEY (tenant_id, user_id)
) STRICT, WITHOUT ROWID;

-- What a person has to look at: the last admin that the hub wants gone, a user changed on both sides, a
-- user name that is taken. Never deleted; decided_at closes it.
CREATE TABLE sync_questions (
    tenant_id  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL CHECK (kind IN ('confirm', 'conflict', 'taken', 'refused')),
    user_id    TEXT    NOT NULL,
    username   TEXT    NOT NULL,
    rev        INTEGER NOT NULL,
    here       TEXT    CHECK (json_valid(here)),
    wanted     TEXT    NOT NULL CHECK (json_valid(wanted)),
    at         INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by TEXT,
    decision   TEXT    CHECK (decision IN ('applied', 'kept')),
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX sync_questions_open ON sync_questions (tenant_id, at) WHERE decided_at IS NULL;

CREATE TABLE sync_flags (
    tenant_id TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    is_on     INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    rev       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;
