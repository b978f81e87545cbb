-- Users, their sessions and settings, failed sign-ins.
CREATE TABLE users (
    tenant_id            TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                   TEXT    NOT NULL,
    username             TEXT    NOT NULL,
    -- The name folded to lower case by the program: SQLite's own folding knows ASCII only.
    username_key         TEXT    NOT NULL UNIQUE,
    email                TEXT,
    name                 TEXT    NOT NULL,
    role                 TEXT    NOT NULL CHECK (role IN (
        'viewer', 'engineer', 'optimization_engineer', 'tenant_admin', 'platform_owner')),
    is_active            INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    auth_source          TEXT    NOT NULL CHECK (auth_source IN ('local', 'sso')),
    must_change_password INTEGER NOT NULL CHECK (must_change_password IN (0, 1)),
    last_sign_in_at      INTEGER,
    created_at           INTEGER NOT NULL,
    password_hash        TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE TABLE sessions (
    tenant_id        TEXT    NOT NULL,
    id               TEXT    NOT NULL,
    user_id          TEXT    NOT NULL,
    -- Keyed hash of the token; the token itself is only in the browser.
    token_hash       BLOB    NOT NULL UNIQUE,
    -- The tenant a platform owner acts in, where it is not the own one.
    acting_tenant_id TEXT REFERENCES tenants (tenant_id),
    created_at       INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER,
    address          TEXT,
    user_agent       TEXT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- Before a sign-in there is no tenant, and most of these names belong to nobody: the one table
-- without tenant_id. The key is a digest, so that a password typed as a name is not kept.
CREATE TABLE sign_in_attempts (
    kind            TEXT    NOT NULL CHECK (kind IN ('account', 'address')),
    key             TEXT    NOT NULL,
    failures        INTEGER NOT NULL,
    last_failure_at INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX sign_in_attempts_by_time ON sign_in_attempts (last_failure_at);

CREATE TABLE user_settings (
    tenant_id TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    language  TEXT NOT NULL,
    theme     TEXT NOT NULL,
    digits    TEXT NOT NULL,
    calendar  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;

CREATE TABLE tenant_settings (
    tenant_id TEXT NOT NULL REFERENCES tenants (tenant_id),
    name      TEXT NOT NULL,
    value     TEXT NOT NULL,
    PRIMARY KEY (tenant_id, name)
) STRICT;
