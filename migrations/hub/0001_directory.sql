-- The directory of the hub: tenants, people, sessions, appliances, audit.
--
-- Isolation rests on five rules, checked by a test over the catalogue:
--   every table has row-level security enabled AND forced, so that its owner is bound too;
--   every primary key, unique index and foreign key begins with tenant_id;
--   the policy reads app.tenant of the transaction, through NULLIF: a pooled connection keeps '' behind;
--   the serving role optria_hub owns nothing, bypasses nothing and may not TRUNCATE;
--   no materialised view and no SECURITY DEFINER function.
-- Times are UTC milliseconds.

DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'optria_hub') THEN
    CREATE ROLE optria_hub NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- Another database of the cluster was faster.
END $$;

CREATE TABLE tenants (
  tenant_id        uuid PRIMARY KEY,
  -- What people and enrolment codes name the tenant by. Unique by a lock and a look, not by an index:
  -- an index over all tenants would tell one of the others.
  code             text NOT NULL CHECK (code ~ '^[a-z0-9][a-z0-9-]{1,31}$'),
  name_en          text NOT NULL,
  name_ar          text NOT NULL,
  kind             text NOT NULL CHECK (kind IN ('platform', 'customer', 'demo')),
  is_suspended     boolean NOT NULL DEFAULT false,
  -- Grows with every change that goes down to appliances; a sequence would let a reader skip rows.
  revision         bigint NOT NULL DEFAULT 0,
  created_at_ms    bigint NOT NULL
);
CREATE INDEX tenants_by_code ON tenants (code);

CREATE TABLE users (
  tenant_id            uuid NOT NULL REFERENCES tenants (tenant_id),
  user_id              uuid NOT NULL,
  username             text NOT NULL,
  email                text,
  name                 text NOT NULL,
  role                 text NOT NULL CHECK (role IN
    ('viewer', 'engineer', 'optimization_engineer', 'tenant_admin', 'platform_owner')),
  is_active            boolean NOT NULL DEFAULT true,
  auth_source          text NOT NULL CHECK (auth_source IN ('local', 'sso')),
  must_change_password boolean NOT NULL DEFAULT false,
  last_sign_in_at_ms   bigint,
  created_at_ms        bigint NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  -- Nobody outside the platform's own tenant can ever be a platform owner, whatever a program does.
  CHECK ((role = 'platform_owner') = (tenant_id = '00000000-0000-7000-8000-000000000001'))
);
CREATE UNIQUE INDEX users_by_name ON users (tenant_id, lower(username));

-- Apart from users, so that the platform's view of all people never touches it.
CREATE TABLE user_credentials (
  tenant_id      uuid NOT NULL,
  user_id        uuid NOT NULL,
  password_hash  text,
  totp_sealed    bytea,
  totp_confirmed boolean NOT NULL DEFAULT false,
  -- The step of the last accepted code: a code counts once.
  totp_last_step bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id)
);

CREATE TABLE sessions (
  tenant_id       uuid NOT NULL,
  session_id      uuid NOT NULL,
  user_id         uuid NOT NULL,
  token_hash      bytea NOT NULL CHECK (length(token_hash) = 32),
  created_at_ms   bigint NOT NULL,
  last_seen_at_ms bigint NOT NULL,
  expires_at_ms   bigint NOT NULL,
  revoked_at_ms   bigint,
  address         text,
  user_agent      text,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id)
);
CREATE UNIQUE INDEX sessions_by_token ON sessions (tenant_id, token_hash);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);

CREATE TABLE sign_in_attempts (
  tenant_id          uuid NOT NULL REFERENCES tenants (tenant_id),
  -- 'account:<name>' under its tenant, 'address:<ip>' under the platform's.
  attempt_key        text NOT NULL,
  failures           integer NOT NULL,
  last_failure_at_ms bigint NOT NULL,
  PRIMARY KEY (tenant_id, attempt_key)
);

CREATE TABLE appliances (
  tenant_id         uuid NOT NULL REFERENCES tenants (tenant_id),
  appliance_id      uuid NOT NULL,
  name              text NOT NULL,
  -- Ed25519; the appliance made the pair and keeps the other half.
  public_key        bytea NOT NULL CHECK (length(public_key) = 32),
  -- The tenant as its records name it, and whom files for it are sealed to.
  record_tenant     uuid NOT NULL,
  recipient         text NOT NULL,
  is_demo           boolean NOT NULL DEFAULT false,
  enrolled_at_ms    bigint NOT NULL,
  revoked_at_ms     bigint,
  last_contact_at_ms bigint,
  last_receipt_at_ms bigint,
  version           text,
  backlog           bigint,
  oldest_unsent_at_ms bigint,
  clock_offset_ms   bigint,
  disk_free_bytes   bigint,
  -- What the appliance says of its integrations and itself.
  status            jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, appliance_id)
);

CREATE TABLE enrolment_codes (
  tenant_id     uuid NOT NULL REFERENCES tenants (tenant_id),
  code_id       uuid NOT NULL,
  code_hash     bytea NOT NULL CHECK (length(code_hash) = 32),
  name          text NOT NULL,
  created_by    text NOT NULL,
  created_at_ms bigint NOT NULL,
  expires_at_ms bigint NOT NULL,
  used_at_ms    bigint,
  appliance_id  uuid,
  PRIMARY KEY (tenant_id, code_id)
);
CREATE UNIQUE INDEX enrolment_codes_by_hash ON enrolment_codes (tenant_id, code_hash);

-- What the hub signs with. Sealed under the key of the installation, which is not in the database.
CREATE TABLE signing_keys (
  tenant_id     uuid NOT NULL REFERENCES tenants (tenant_id),
  key_id        uuid NOT NULL,
  public_key    bytea NOT NULL CHECK (length(public_key) = 32),
  sealed_key    bytea NOT NULL,
  created_at_ms bigint NOT NULL,
  retired_at_ms bigint,
  PRIMARY KEY (tenant_id, key_id)
);

CREATE TABLE audit (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id),
  audit_id  uuid NOT NULL,
  at_ms     bigint NOT NULL,
  actor     text NOT NULL,
  action    text NOT NULL,
  object    text NOT NULL,
  outcome   text NOT NULL,
  details   jsonb NOT NULL DEFAULT '{}',
  address   text,
  PRIMARY KEY (tenant_id, audit_id)
);
CREATE INDEX audit_by_time ON audit (tenant_id, at_ms DESC);

-- What goes down to the appliances of a tenant: people, roles, flags, profile.
CREATE TABLE changes (
  tenant_id uuid NOT NULL REFERENCES tenants (tenant_id),
  revision  bigint NOT NULL,
  entity    text NOT NULL,
  entity_id uuid NOT NULL,
  body      jsonb NOT NULL,
  at_ms     bigint NOT NULL,
  PRIMARY KEY (tenant_id, revision)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'users', 'user_credentials', 'sessions', 'sign_in_attempts',
      'appliances', 'enrolment_codes', 'signing_keys', 'audit', 'changes'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format($p$CREATE POLICY own_tenant ON %I
      USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
      WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)$p$, name);
  END LOOP;
  -- The platform owner's pages read the directory of all tenants: who there is, never what they have.
  -- Credentials, sessions, codes, keys and everything synced stay behind the first policy alone.
  FOREACH name IN ARRAY ARRAY['tenants', 'users', 'appliances', 'audit'] LOOP
    EXECUTE format($p$CREATE POLICY platform_reads ON %I FOR SELECT
      USING (current_setting('app.platform', true) = 'on')$p$, name);
  END LOOP;
END $$;

-- Who signs in, enrols or sends a batch brings a name before there is a tenant to set: a tenant's code,
-- the hash of an enrolment code, an appliance's id. Exactly the row of that name is seen, and only read.
CREATE POLICY by_name ON tenants FOR SELECT
  USING ('tenant:' || code = current_setting('app.lookup', true));
CREATE POLICY by_name ON enrolment_codes FOR SELECT
  USING ('code:' || encode(code_hash, 'hex') = current_setting('app.lookup', true));
CREATE POLICY by_name ON appliances FOR SELECT
  USING ('appliance:' || appliance_id = current_setting('app.lookup', true));

GRANT SELECT, INSERT, UPDATE ON tenants, users, user_credentials, appliances, enrolment_codes TO optria_hub;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, sign_in_attempts TO optria_hub;
GRANT SELECT, INSERT ON signing_keys, audit, changes TO optria_hub;

-- The platform's own tenant: home of the platform owners. Its id stands in the check of users.
SELECT set_config('app.tenant', '00000000-0000-7000-8000-000000000001', true);
INSERT INTO tenants (tenant_id, code, name_en, name_ar, kind, created_at_ms)
  VALUES ('00000000-0000-7000-8000-000000000001', 'platform', 'Platform', 'المنصة', 'platform', 0);
