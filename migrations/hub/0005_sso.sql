-- Signing in through an identity provider of the tenant, or of the platform for its owners. Whose a
-- provider is decides whose people come through it; nothing a provider says does.

CREATE TABLE identity_providers (
  tenant_id         uuid NOT NULL REFERENCES tenants (tenant_id),
  provider_id       uuid NOT NULL,
  provider_type     text NOT NULL CHECK (provider_type IN ('azure_ad', 'okta', 'google')),
  display_name      text NOT NULL,
  client_id         text NOT NULL,
  -- Sealed under the key of the installation, which is not in the database.
  secret_sealed     bytea,
  secret_version    integer NOT NULL DEFAULT 0,
  directory_id      text,
  issuer_url        text,
  hosted_domain     text,
  scopes            jsonb NOT NULL,
  group_claim       text NOT NULL,
  group_roles       jsonb NOT NULL,
  -- Whatever a program does, no provider makes a platform owner by a rule.
  default_role      text CHECK (default_role IN
    ('viewer', 'engineer', 'optimization_engineer', 'tenant_admin')),
  tls_ca            text,
  accept_plain_http boolean NOT NULL,
  pinned_metadata   text,
  pinned_keys       text,
  is_enabled        boolean NOT NULL,
  created_at_ms     bigint NOT NULL,
  updated_at_ms     bigint NOT NULL,
  PRIMARY KEY (tenant_id, provider_id)
);

-- Whom a provider vouches for. An e-mail address or a user name leads to nobody.
CREATE TABLE user_identities (
  tenant_id     uuid NOT NULL,
  issuer        text NOT NULL,
  subject       text NOT NULL,
  user_id       uuid NOT NULL,
  provider_id   uuid NOT NULL,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, issuer, subject),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id)
);
CREATE INDEX user_identities_by_user ON user_identities (tenant_id, user_id);

-- People on their way to a provider and back. A row is taken out by the answer, whatever it says.
CREATE TABLE sso_attempts (
  tenant_id     uuid NOT NULL,
  state_hash    bytea NOT NULL CHECK (length(state_hash) = 32),
  provider_id   uuid NOT NULL,
  -- The browser that began.
  browser_hash  bytea NOT NULL CHECK (length(browser_hash) = 32),
  -- Nonce and verifier, sealed.
  secret_sealed bytea NOT NULL,
  -- The page to go on to; or the session of an administrator who looks at what the provider sends.
  next_page     text,
  session_id    uuid,
  address       text,
  expires_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, state_hash),
  FOREIGN KEY (tenant_id, provider_id)
    REFERENCES identity_providers (tenant_id, provider_id) ON DELETE CASCADE,
  CHECK ((next_page IS NULL) <> (session_id IS NULL))
);
CREATE INDEX sso_attempts_by_end ON sso_attempts (tenant_id, expires_at_ms);

-- What a test sign-in showed, to the session that asked, for some minutes.
CREATE TABLE sso_previews (
  tenant_id     uuid NOT NULL,
  session_id    uuid NOT NULL,
  provider_id   uuid NOT NULL,
  shown         jsonb NOT NULL,
  expires_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, session_id, provider_id),
  FOREIGN KEY (tenant_id, provider_id)
    REFERENCES identity_providers (tenant_id, provider_id) ON DELETE CASCADE
);

-- Who may come in as platform owner: named one by one by somebody who is one already.
CREATE TABLE platform_people (
  tenant_id     uuid NOT NULL CHECK (tenant_id = '00000000-0000-7000-8000-000000000001'),
  person_id     uuid NOT NULL,
  provider_id   uuid NOT NULL,
  named_by      text NOT NULL CHECK (named_by IN ('subject', 'email')),
  value         text NOT NULL,
  -- Who came with the address first: from then on it leads nobody else here.
  subject       text,
  added_by      text NOT NULL,
  added_at_ms   bigint NOT NULL,
  PRIMARY KEY (tenant_id, person_id),
  FOREIGN KEY (tenant_id, provider_id)
    REFERENCES identity_providers (tenant_id, provider_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX platform_people_once ON platform_people (tenant_id, provider_id, named_by, value);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['identity_providers', 'user_identities', 'sso_attempts', 'sso_previews',
      'platform_people'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I
      USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)$p$, name);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON identity_providers, sso_previews, platform_people TO optria_hub;
GRANT SELECT, INSERT, UPDATE ON user_identities TO optria_hub;
GRANT SELECT, INSERT, DELETE ON sso_attempts TO optria_hub;
