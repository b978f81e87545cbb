-- The link of a tenant named a column of tenants that is not there, so that no enrolment could be kept:
-- both tables are empty wherever they are, and made anew. Records may also leave by files carried by
-- hand; how far they were written is not how far the hub holds them.
DROP TABLE sync_cursors;
DROP TABLE sync_links;

CREATE TABLE sync_links (
    tenant_id        TEXT    NOT NULL PRIMARY KEY REFERENCES tenants (tenant_id),
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
    last_receipt_at  INTEGER,
    -- line: over the network; courier: files with receipts; one_way: files, and nothing comes back.
    way              TEXT    NOT NULL DEFAULT 'line' CHECK (way IN ('line', 'courier', 'one_way')),
    bundle_no        INTEGER NOT NULL DEFAULT 0 CHECK (bundle_no >= 0)
) STRICT;

CREATE TABLE sync_cursors (
    tenant_id   TEXT    NOT NULL,
    epoch_no    INTEGER NOT NULL,
    stream      INTEGER NOT NULL CHECK (stream BETWEEN 1 AND 5),
    acked_seq   INTEGER NOT NULL CHECK (acked_seq >= 0),
    acked_hash  BLOB    NOT NULL CHECK (length(acked_hash) = 32),
    acked_at    INTEGER,
    forked_at   INTEGER,
    fork_seen   TEXT,
    written_seq INTEGER NOT NULL DEFAULT 0 CHECK (written_seq >= 0),
    PRIMARY KEY (tenant_id, epoch_no, stream)
) STRICT, WITHOUT ROWID;
