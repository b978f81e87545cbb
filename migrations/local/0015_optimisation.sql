-- Maintenance plans: versions of the cost and risk model, runs of the optimiser, what they advise.

-- The newest version is in force; a run names the one it used, so none is ever changed.
CREATE TABLE tenant_cost_models (
    tenant_id  TEXT    NOT NULL REFERENCES tenants (tenant_id),
    version    INTEGER NOT NULL CHECK (version >= 1),
    model      TEXT    NOT NULL CHECK (json_valid(model)),
    comment    TEXT    NOT NULL,
    is_demo    INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, version)
) STRICT;
CREATE TRIGGER tenant_cost_models_keep_update BEFORE UPDATE ON tenant_cost_models
BEGIN SELECT RAISE(ABORT, 'append only: tenant_cost_models'); END;
CREATE TRIGGER tenant_cost_models_keep_delete BEFORE DELETE ON tenant_cost_models
BEGIN SELECT RAISE(ABORT, 'append only: tenant_cost_models'); END;

-- input is the problem as it was frozen when the run began: with seed, iterations and program it makes
-- the same plan again. run_key is the digest of those. Rows stay until a person deletes them.
CREATE TABLE optimization_scenarios (
    tenant_id          TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                 TEXT    NOT NULL,
    job_id             TEXT    NOT NULL,
    run_key            TEXT    NOT NULL,
    name               TEXT    NOT NULL,
    state              TEXT    NOT NULL CHECK (state IN ('running', 'done', 'infeasible', 'failed', 'cancelled')),
    as_of              INTEGER NOT NULL,
    seed               INTEGER NOT NULL,
    iterations         INTEGER NOT NULL,
    program            TEXT    NOT NULL,
    cost_model_version INTEGER,
    is_demo            INTEGER NOT NULL CHECK (is_demo IN (0, 1)),
    request            TEXT    NOT NULL CHECK (json_valid(request)),
    input              TEXT    NOT NULL CHECK (json_valid(input)),
    outcome            TEXT    NOT NULL CHECK (json_valid(outcome)),
    created_by         TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    finished_at        INTEGER,
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX optimization_scenarios_by_time ON optimization_scenarios (tenant_id, created_at, id);

CREATE TABLE optimization_recommendations (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    scenario_id   TEXT    NOT NULL,
    rank          INTEGER NOT NULL CHECK (rank >= 1),
    asset_id      TEXT    NOT NULL,
    -- The order the advice is about, where there is one already.
    order_id      TEXT,
    advice        TEXT    NOT NULL CHECK (json_valid(advice)),
    work_order_id TEXT,
    published_by  TEXT,
    published_at  INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, scenario_id, rank),
    FOREIGN KEY (tenant_id, scenario_id) REFERENCES optimization_scenarios (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- A work order that carries this came from a recommendation, whatever its stored origin says: the
-- words of that column are fixed since 0007. One recommendation makes one work order.
ALTER TABLE work_orders ADD COLUMN recommendation_id TEXT;
CREATE UNIQUE INDEX work_orders_by_recommendation ON work_orders (tenant_id, recommendation_id)
    WHERE recommendation_id IS NOT NULL;
