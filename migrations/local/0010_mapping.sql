-- Changes of the signal mapping that can be taken back, what people taught the tag matcher, and what
-- the drift sentinel found.
CREATE TABLE mapping_changes (
    tenant_id TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id        TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    origin    TEXT    NOT NULL CHECK (origin IN ('form', 'bulk', 'import', 'drift', 'undo')),
    added     INTEGER NOT NULL CHECK (added >= 0),
    changed   INTEGER NOT NULL CHECK (changed >= 0),
    removed   INTEGER NOT NULL CHECK (removed >= 0),
    undo_of   TEXT,
    undone_by TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX mapping_changes_by_time ON mapping_changes (tenant_id, at, id);

-- The row before and after as JSON: a mapping that was deleted is gone from its own table.
CREATE TABLE mapping_change_rows (
    tenant_id  TEXT    NOT NULL,
    change_id  TEXT    NOT NULL,
    place      INTEGER NOT NULL CHECK (place >= 0),
    mapping_id TEXT    NOT NULL,
    before     TEXT,
    after      TEXT,
    PRIMARY KEY (tenant_id, change_id, place),
    CHECK (before IS NOT NULL OR after IS NOT NULL),
    FOREIGN KEY (tenant_id, change_id) REFERENCES mapping_changes (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE mapping_lessons (
    tenant_id TEXT    NOT NULL REFERENCES tenants (tenant_id),
    feature   TEXT    NOT NULL,
    target    TEXT    NOT NULL,
    confirmed INTEGER NOT NULL CHECK (confirmed >= 0),
    rejected  INTEGER NOT NULL CHECK (rejected >= 0),
    at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, feature, target)
) STRICT;
CREATE INDEX mapping_lessons_by_time ON mapping_lessons (tenant_id, at);

-- The fingerprint names what was found, so that a finding a person dismissed stays dismissed.
CREATE TABLE mapping_drift (
    tenant_id     TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id            TEXT    NOT NULL,
    fingerprint   TEXT    NOT NULL,
    kind          TEXT    NOT NULL CHECK (kind IN ('renamed', 'vanished', 'flat_lined', 'swapped', 'unit_changed', 'reused')),
    mapping_id    TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('open', 'accepted', 'dismissed', 'gone')),
    finding       TEXT    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    decided_by    TEXT,
    decided_at    INTEGER,
    change_id     TEXT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, fingerprint)
) STRICT;
CREATE INDEX mapping_drift_by_state ON mapping_drift (tenant_id, state, last_seen_at);
