-- Signing in otherwise than with a password of our own: tokens of programs, identity providers, and the
-- people these vouch for.

-- A session that must end by then whatever it does: one of an emergency.
ALTER TABLE sessions ADD COLUMN ends_by INTEGER;

-- Tokens for programs. The token itself is shown once; here is its keyed hash.
CREATE TABLE api_tokens (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    user_id      TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    token_hash   BLOB    NOT NULL UNIQUE,
    permissions  TEXT    NOT NULL CHECK (json_valid(permissions)),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    last_used_by TEXT,
    revoked_at   INTEGER,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX api_tokens_by_user ON api_tokens (tenant_id, user_id);

CREATE TABLE tenant_identity_providers (
    tenant_id         TEXT    NOT NULL REFERENCES tenants (tenant_id),
    id                TEXT    NOT NULL,
    provider_type     TEXT    NOT NULL CHECK (provider_type IN ('azure_ad', 'okta', 'google')),
    display_name      TEXT    NOT NULL,
    client_id         TEXT    NOT NULL,
    -- Sealed under the version; 0 while there is none.
    client_secret     BLOB,
    secret_version    INTEGER NOT NULL DEFAULT 0,
    -- The directory of Entra ID.
    directory_id      TEXT,
    issuer_url        TEXT,
    -- The organisation of Google.
    hosted_domain     TEXT,
    scopes            TEXT    NOT NULL,
    group_claim       TEXT    NOT NULL,
    group_roles       TEXT    NOT NULL CHECK (json_valid(group_roles)),
    default_role      TEXT CHECK (default_role IS NULL OR default_role IN (
        'viewer', 'engineer', 'optimization_engineer', 'tenant_admin')),
    tls_ca            TEXT,
    accept_plain_http INTEGER NOT NULL CHECK (accept_plain_http IN (0, 1)),
    -- Documents of the provider, where the network does not reach them.
    pinned_metadata   TEXT,
    pinned_keys       TEXT,
    is_enabled        INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- Whom a provider vouches for. A person is issuer and subject, never an e-mail address.
CREATE TABLE user_identities (
    tenant_id   TEXT    NOT NULL,
    issuer      TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    user_id     TEXT    NOT NULL,
    provider_id TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject),
    UNIQUE (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
) STRICT;
