-- Tenants and their plant after ISA-95: sites, units, assets, signals.
-- Times are UTC milliseconds, ids are UUID text. Keys start with tenant_id, so that a query that
-- forgets the tenant can't be served by an index and a foreign key can't cross tenants.
CREATE TABLE tenants (
    tenant_id  TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    name_ar    TEXT    NOT NULL,
    is_demo    INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sites (
    tenant_id TEXT NOT NULL REFERENCES tenants (tenant_id),
    id        TEXT NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_ar   TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
) STRICT;

CREATE TABLE units (
    tenant_id TEXT NOT NULL,
    id        TEXT NOT NULL,
    site_id   TEXT NOT NULL,
    code      TEXT NOT NULL,
    name      TEXT NOT NULL,
    name_ar   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, site_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;

CREATE TABLE assets (
    tenant_id           TEXT NOT NULL,
    id                  TEXT NOT NULL,
    unit_id             TEXT NOT NULL,
    code                TEXT NOT NULL,
    name                TEXT NOT NULL,
    name_ar             TEXT NOT NULL,
    family              TEXT NOT NULL,
    criticality         TEXT NOT NULL CHECK (criticality IN ('low', 'medium', 'high', 'critical')),
    equipment_number    TEXT,
    functional_location TEXT,
    parent_id           TEXT,
    upstream            TEXT NOT NULL,
    downstream          TEXT NOT NULL,
    note                TEXT NOT NULL,
    effective_from      INTEGER,
    effective_to        INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES assets (tenant_id, id)
) STRICT;
CREATE INDEX assets_by_unit ON assets (tenant_id, unit_id);
CREATE INDEX assets_by_parent ON assets (tenant_id, parent_id);

-- The number names the series inside the historian file. It stays here for ever, also when the
-- signal is deleted: a reused number would show one machine's past under another machine's name.
CREATE TABLE signal_numbers (
    tenant_id TEXT    NOT NULL,
    signal_no INTEGER NOT NULL UNIQUE CHECK (signal_no >= 0 AND signal_no < 524288),
    signal_id TEXT    NOT NULL,
    PRIMARY KEY (tenant_id, signal_id)
) STRICT;
CREATE TRIGGER signal_numbers_keep_update BEFORE UPDATE ON signal_numbers
BEGIN SELECT RAISE(ABORT, 'append only: signal_numbers'); END;
CREATE TRIGGER signal_numbers_keep_delete BEFORE DELETE ON signal_numbers
BEGIN SELECT RAISE(ABORT, 'append only: signal_numbers'); END;

CREATE TABLE signals (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    asset_id  TEXT    NOT NULL,
    metric    TEXT    NOT NULL,
    unit      TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('measured', 'derived')),
    signal_no INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, asset_id, metric),
    UNIQUE (tenant_id, signal_no),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE
) STRICT;
