-- People and what they are told: technicians, the plan of a work order, notifications and mails, and
-- when jobs run by themselves.

-- A technician outlives the account that may belong to the person: user_id has no reference.
CREATE TABLE technicians (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    name_ar      TEXT    NOT NULL,
    site_id      TEXT    NOT NULL,
    user_id      TEXT,
    skills       TEXT    NOT NULL CHECK (json_valid(skills)),
    certificates TEXT    NOT NULL CHECK (json_valid(certificates)),
    shifts       TEXT    NOT NULL CHECK (json_valid(shifts)),
    absences     TEXT    NOT NULL CHECK (json_valid(absences)),
    hourly_cost  REAL    CHECK (hourly_cost >= 0),
    is_active    INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    note         TEXT    NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, site_id) REFERENCES sites (tenant_id, id)
) STRICT;
CREATE INDEX technicians_by_site ON technicians (tenant_id, site_id);
CREATE UNIQUE INDEX technicians_by_user ON technicians (tenant_id, user_id)
    WHERE user_id IS NOT NULL;

-- What is planned about a work order and found out by doing it: ours even where its system owns the
-- order, so it stands beside the row that is read from there.
CREATE TABLE work_order_plans (
    tenant_id       TEXT    NOT NULL,
    work_order_id   TEXT    NOT NULL,
    technician_id   TEXT,
    due_at          INTEGER,
    estimated_hours REAL    CHECK (estimated_hours >= 0),
    actual_hours    REAL    CHECK (actual_hours >= 0),
    failure_mode    TEXT,
    failure_cause   TEXT,
    recommendation  TEXT,
    parts           TEXT    NOT NULL CHECK (json_valid(parts)),
    changed_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, work_order_id),
    FOREIGN KEY (tenant_id, work_order_id) REFERENCES work_orders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, technician_id) REFERENCES technicians (tenant_id, id)
) STRICT;
CREATE INDEX work_order_plans_by_technician ON work_order_plans (tenant_id, technician_id)
    WHERE technician_id IS NOT NULL;
CREATE INDEX work_order_plans_by_due ON work_order_plans (tenant_id, due_at)
    WHERE due_at IS NOT NULL;

CREATE TABLE work_order_changes (
    tenant_id     TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    work_order_id TEXT    NOT NULL,
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    fields        TEXT    NOT NULL CHECK (json_valid(fields)),
    PRIMARY KEY (tenant_id, id)
) STRICT;
CREATE INDEX work_order_changes_by_work_order ON work_order_changes (tenant_id, work_order_id, at);
CREATE TRIGGER work_order_changes_keep_update BEFORE UPDATE ON work_order_changes
BEGIN SELECT RAISE(ABORT, 'append only: work_order_changes'); END;
CREATE TRIGGER work_order_changes_keep_delete BEFORE DELETE ON work_order_changes
BEGIN SELECT RAISE(ABORT, 'append only: work_order_changes'); END;

-- cause names what happened: a person is told once. Kept for a year.
CREATE TABLE notifications (
    tenant_id TEXT    NOT NULL,
    id        TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    cause     TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    params    TEXT    NOT NULL CHECK (json_valid(params)),
    link      TEXT    NOT NULL,
    in_app    INTEGER NOT NULL CHECK (in_app IN (0, 1)),
    at        INTEGER NOT NULL,
    read_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_id, cause),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX notifications_by_user ON notifications (tenant_id, user_id, at);

CREATE TABLE notification_choices (
    tenant_id TEXT    NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    in_app    INTEGER NOT NULL CHECK (in_app IN (0, 1)),
    by_mail   INTEGER NOT NULL CHECK (by_mail IN (0, 1)),
    PRIMARY KEY (tenant_id, user_id, kind),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- The text of a mail is made when it is sent, in the language the person reads then.
CREATE TABLE mails (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    params       TEXT    NOT NULL CHECK (json_valid(params)),
    link         TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
    attempts     INTEGER NOT NULL CHECK (attempts >= 0),
    next_at      INTEGER NOT NULL,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    created_at   INTEGER NOT NULL,
    sent_at      INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX mails_due ON mails (tenant_id, state, next_at);

CREATE TABLE schedules (
    tenant_id    TEXT    NOT NULL REFERENCES tenants (tenant_id),
    kind         TEXT    NOT NULL,
    is_enabled   INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    cadence      TEXT    NOT NULL CHECK (json_valid(cadence)),
    time_zone    TEXT    NOT NULL,
    next_at      INTEGER,
    last_at      INTEGER,
    job_id       TEXT,
    error_code   TEXT,
    error_params TEXT    NOT NULL CHECK (json_valid(error_params)),
    changed_by   TEXT    NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT;
