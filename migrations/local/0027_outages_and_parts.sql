-- What a maintenance plan is bound to: when a site, a unit or an asset stands, and which parts are in store.

CREATE TABLE outages (
    tenant_id  TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    site_id    TEXT    NOT NULL,
    unit_id    TEXT,
    asset_id   TEXT,
    title      TEXT    NOT NULL,
    from_at    INTEGER NOT NULL,
    to_at      INTEGER NOT NULL CHECK (to_at > from_at),
    note       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    CHECK (unit_id IS NULL OR asset_id IS NULL),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id),
    FOREIGN KEY (tenant_id, unit_id) REFERENCES units (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX outages_by_time ON outages (tenant_id, from_at, id);
CREATE INDEX outages_by_site ON outages (tenant_id, site_id);
CREATE INDEX outages_by_unit ON outages (tenant_id, unit_id) WHERE unit_id IS NOT NULL;
CREATE INDEX outages_by_asset ON outages (tenant_id, asset_id) WHERE asset_id IS NOT NULL;

-- A material number is one part in each store; parts of work orders name it.
CREATE TABLE spare_parts (
    tenant_id         TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    site_id           TEXT    NOT NULL,
    code              TEXT    NOT NULL,
    title             TEXT    NOT NULL,
    on_hand           REAL    NOT NULL CHECK (on_hand >= 0),
    expected_quantity REAL    CHECK (expected_quantity > 0),
    expected_at       INTEGER,
    lead_time_days    INTEGER CHECK (lead_time_days >= 0),
    note              TEXT    NOT NULL,
    changed_at        INTEGER NOT NULL,
    CHECK ((expected_quantity IS NULL) = (expected_at IS NULL)),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, site_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;

-- The work can only be done while its asset stands.
ALTER TABLE work_order_plans
    ADD COLUMN needs_outage INTEGER NOT NULL DEFAULT 0 CHECK (needs_outage IN (0, 1));
