-- What was learned of an asset, one row per training that came to something new. At most one version is
-- in force. Where there was too little to learn from, `model` is absent and `withheld` says why.
CREATE TABLE asset_models (
    tenant_id       TEXT    NOT NULL REFERENCES tenants (tenant_id),
    asset_id        TEXT    NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 1),
    state           TEXT    NOT NULL CHECK (state IN ('candidate', 'promoted', 'retired', 'withheld')),
    model           TEXT    CHECK (model IS NULL OR json_valid(model)),
    alarm_limit     REAL,
    alarms_per_week REAL    NOT NULL,
    -- The figures of the version and of the one in force then, on a window neither was learned from.
    comparison      TEXT    CHECK (comparison IS NULL OR json_valid(comparison)),
    withheld        TEXT    CHECK (withheld IS NULL OR json_valid(withheld)),
    is_demo         INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_by      TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    promoted_by     TEXT,
    promoted_at     INTEGER,
    PRIMARY KEY (tenant_id, asset_id, version),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES assets (tenant_id, id) ON DELETE CASCADE,
    CHECK ((model IS NULL) = (withheld IS NOT NULL)),
    CHECK ((model IS NULL) = (state = 'withheld'))
) STRICT;
CREATE UNIQUE INDEX asset_models_in_force ON asset_models (tenant_id, asset_id) WHERE state = 'promoted';
