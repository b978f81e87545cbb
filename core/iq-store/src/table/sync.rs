//! The hub of a tenant: whom it is enrolled with, how far each log is held there, and what the hub
//! made of users and flags here.

use std::str::FromStr;

use iq_domain::{CodedError, Role, TenantId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};

use crate::{StoreError, query, row};

/// The hub's side of an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    /// Its tenant.
    pub tenant: [u8; 16],
    /// What it calls it.
    pub tenant_name: String,
    /// Its public key.
    pub key: [u8; 32],
    /// Whom files are sealed to.
    pub recipient: String,
    /// Since when.
    pub enrolled_at: Timestamp,
}

/// How records leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over the network.
    Line,
    /// By files, and receipts come back.
    Courier,
    /// By files, and nothing ever comes back.
    OneWay,
}

impl Way {
    /// The word in the API and the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Courier => "courier",
            Self::OneWay => "one_way",
        }
    }

    /// Whether records leave by files.
    #[must_use]
    pub const fn is_by_file(self) -> bool {
        !matches!(self, Self::Line)
    }
}

impl FromStr for Way {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Line, Self::Courier, Self::OneWay]
            .into_iter()
            .find(|way| way.as_str() == word)
            .ok_or(())
    }
}

/// What may leave, when and how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How records leave.
    pub way: Way,
    /// 1 status, 2 and incidents and events.
    pub level: u8,
    /// The audit log too.
    pub includes_audit: bool,
    /// Kilobits per second at most.
    pub cap_kbit: Option<u32>,
    /// Minute of the day from which it sends.
    pub hours_from: u16,
    /// Minute at which it stops; the same for the whole day.
    pub hours_to: u16,
    /// IANA time zone of the two.
    pub time_zone: String,
    /// Held by a person.
    pub is_paused: bool,
}

/// The link of a tenant to its hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Owner.
    pub tenant_id: TenantId,
    /// Address of the hub.
    pub hub_url: String,
    /// A person accepted that the way is not encrypted.
    pub allow_plain_http: bool,
    /// Certificates trusted instead of the machine's list, PEM.
    pub tls_ca: Option<String>,
    /// This appliance as it was enrolled.
    pub appliance: [u8; 16],
    /// Its public key.
    pub public_key: [u8; 32],
    /// The private half, sealed.
    pub sealed_key: Vec<u8>,
    /// The hub, once it has answered.
    pub hub: Option<Hub>,
    /// Who enrolled it.
    pub enrolled_by: String,
    /// What may leave.
    pub choice: Choice,
    /// The last change from above that is applied.
    pub changes_rev: u64,
    /// Number of the last courier file.
    pub bundle_no: u64,
    /// When the hub last confirmed records.
    pub last_receipt_at: Option<Timestamp>,
}

/// How far a log is held by the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Number of the epoch.
    pub epoch_no: i64,
    /// Stream.
    pub stream: u8,
    /// Last record that a receipt covers.
    pub acked_seq: u64,
    /// Its leaf; zeros for none.
    pub acked_hash: [u8; 32],
    /// When that was heard.
    pub acked_at: Option<Timestamp>,
    /// Last record that was written to a file.
    pub written_seq: u64,
    /// Since when the hub is known to hold another history.
    pub forked_at: Option<Timestamp>,
    /// Who has looked at it.
    pub fork_seen: Option<String>,
}

/// What the hub last made of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FromAbove {
    /// The change.
    pub rev: u64,
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
}

/// Something a person has to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Id.
    pub id: String,
    /// `confirm`, `conflict`, `taken`, `refused`.
    pub kind: String,
    /// About whom.
    pub user_id: UserId,
    /// His name to sign in with.
    pub username: String,
    /// The change.
    pub rev: u64,
    /// How he is here.
    pub here: serde_json::Value,
    /// How the hub wants him.
    pub wanted: serde_json::Value,
    /// When.
    pub at: Timestamp,
    /// When somebody decided.
    pub decided_at: Option<Timestamp>,
    /// Who.
    pub decided_by: Option<String>,
    /// `applied` or `kept`.
    pub decision: Option<String>,
}

const LINK: &str = "SELECT * FROM sync_links";

fn link(r: &Row<'_>) -> rusqlite::Result<Link> {
    let key: Option<[u8; 32]> = r.get("hub_key")?;
    let hub = match (key, row::time_opt(r, "enrolled_at")?) {
        (Some(key), Some(enrolled_at)) => Some(Hub {
            tenant: r.get("hub_tenant")?,
            tenant_name: r.get("hub_tenant_name")?,
            key,
            recipient: r.get("hub_recipient")?,
            enrolled_at,
        }),
        _ => None,
    };
    Ok(Link {
        tenant_id: row::id(r, "tenant_id")?,
        hub_url: r.get("hub_url")?,
        allow_plain_http: r.get("allow_plain_http")?,
        tls_ca: r.get("tls_ca")?,
        appliance: r.get("appliance")?,
        public_key: r.get("public_key")?,
        sealed_key: r.get("sealed_key")?,
        hub,
        enrolled_by: r.get("enrolled_by")?,
        choice: Choice {
            way: r.get::<_, String>("way")?.parse().unwrap_or(Way::Line),
            level: r.get("level")?,
            includes_audit: r.get("includes_audit")?,
            cap_kbit: r.get("cap_kbit")?,
            hours_from: r.get("hours_from")?,
            hours_to: r.get("hours_to")?,
            time_zone: r.get("time_zone")?,
            is_paused: r.get("is_paused")?,
        },
        changes_rev: count(r, "changes_rev")?,
        bundle_no: count(r, "bundle_no")?,
        last_receipt_at: row::time_opt(r, "last_receipt_at")?,
    })
}

fn count(r: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(r.get::<_, i64>(column)?.unsigned_abs())
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The link of a tenant.
pub fn get_link(conn: &Connection, tenant: TenantId) -> Result<Option<Link>, StoreError> {
    let sql = format!("{LINK} WHERE tenant_id = ?");
    query::find(conn, &sql, params![tenant.to_string()], link)
}

/// The links of all tenants.
pub fn list_links(conn: &Connection) -> Result<Vec<Link>, StoreError> {
    let mut statement = conn.prepare_cached(LINK)?;
    let rows = statement.query_map([], link)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Keeps the link of a tenant.
pub fn put_link(conn: &Connection, tenant: TenantId, link: &Link) -> Result<(), StoreError> {
    row::same_tenant(tenant, link.tenant_id)?;
    let sql = "INSERT OR REPLACE INTO sync_links (tenant_id, hub_url, allow_plain_http, tls_ca,
               appliance, public_key, sealed_key, hub_tenant,
               hub_tenant_name, hub_key, hub_recipient, enrolled_at, enrolled_by, level,
               includes_audit, cap_kbit, hours_from, hours_to, time_zone, is_paused, changes_rev,
               last_receipt_at, way, bundle_no)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (hub, choice) = (link.hub.as_ref(), &link.choice);
    let args = params![
        tenant.to_string(),
        link.hub_url,
        link.allow_plain_http,
        link.tls_ca,
        link.appliance,
        link.public_key,
        link.sealed_key,
        hub.map(|h| h.tenant),
        hub.map_or("", |h| h.tenant_name.as_str()),
        hub.map(|h| h.key),
        hub.map_or("", |h| h.recipient.as_str()),
        hub.map(|h| h.enrolled_at.0),
        link.enrolled_by,
        choice.level,
        choice.includes_audit,
        choice.cap_kbit,
        choice.hours_from,
        choice.hours_to,
        choice.time_zone,
        choice.is_paused,
        number(link.changes_rev),
        link.last_receipt_at.map(|t| t.0),
        choice.way.as_str(),
        number(link.bundle_no),
    ];
    query::change_one(conn, sql, args)
        .map_err(|e| e.or_reference(CodedError::not_found("tenants.not_found")))
}

/// Changes what may leave.
pub fn update_choice(
    conn: &Connection,
    tenant: TenantId,
    choice: &Choice,
) -> Result<(), StoreError> {
    let sql = "UPDATE sync_links SET level = ?, includes_audit = ?, cap_kbit = ?,
               hours_from = ?, hours_to = ?, time_zone = ?, is_paused = ?, way = ?
               WHERE tenant_id = ?";
    let args = params![
        choice.level,
        choice.includes_audit,
        choice.cap_kbit,
        choice.hours_from,
        choice.hours_to,
        choice.time_zone,
        choice.is_paused,
        choice.way.as_str(),
        tenant.to_string()
    ];
    query::change_one(conn, sql, args)
}

/// Remembers when the hub last confirmed records.
pub fn update_last_receipt(
    conn: &Connection,
    tenant: TenantId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let sql = "UPDATE sync_links SET last_receipt_at = ? WHERE tenant_id = ?";
    query::change_one(conn, sql, params![at.0, tenant.to_string()])
}

/// Moves the position in the changes from above.
pub fn update_changes_rev(conn: &Connection, tenant: TenantId, rev: u64) -> Result<(), StoreError> {
    let sql = "UPDATE sync_links SET changes_rev = ? WHERE tenant_id = ?";
    query::change_one(conn, sql, params![number(rev), tenant.to_string()])
}

/// Remembers the number of the last courier file.
pub fn update_bundle_no(conn: &Connection, tenant: TenantId, file: u64) -> Result<(), StoreError> {
    let sql = "UPDATE sync_links SET bundle_no = ? WHERE tenant_id = ?";
    query::change_one(conn, sql, params![number(file), tenant.to_string()])
}

/// Forgets the hub and its keys; the log and what the hub made of users stays.
pub fn delete_link(conn: &Connection, tenant: TenantId) -> Result<(), StoreError> {
    let whose = tenant.to_string();
    query::change(
        conn,
        "DELETE FROM sync_cursors WHERE tenant_id = ?",
        params![whose],
    )?;
    query::change_one(
        conn,
        "DELETE FROM sync_links WHERE tenant_id = ?",
        params![whose],
    )
}

/// The cursors of a tenant.
pub fn list_cursors(conn: &Connection, tenant: TenantId) -> Result<Vec<Cursor>, StoreError> {
    let sql = "SELECT epoch_no, stream, acked_seq, acked_hash, acked_at, written_seq,
               forked_at, fork_seen FROM sync_cursors WHERE tenant_id = ? ORDER BY epoch_no, stream";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.to_string()], |r| {
        Ok(Cursor {
            epoch_no: r.get("epoch_no")?,
            stream: r.get("stream")?,
            acked_seq: count(r, "acked_seq")?,
            acked_hash: r.get("acked_hash")?,
            acked_at: row::time_opt(r, "acked_at")?,
            written_seq: count(r, "written_seq")?,
            forked_at: row::time_opt(r, "forked_at")?,
            fork_seen: r.get("fork_seen")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Keeps a cursor.
pub fn put_cursor(conn: &Connection, tenant: TenantId, cursor: &Cursor) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO sync_cursors (tenant_id, epoch_no, stream, acked_seq,
               acked_hash, acked_at, written_seq, forked_at, fork_seen)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        cursor.epoch_no,
        cursor.stream,
        number(cursor.acked_seq),
        cursor.acked_hash,
        cursor.acked_at.map(|t| t.0),
        number(cursor.written_seq),
        cursor.forked_at.map(|t| t.0),
        cursor.fork_seen
    ];
    query::change_one(conn, sql, args)
}

/// The leaf of a record, and when the record was made if it can be told.
pub fn get_leaf(
    conn: &Connection,
    tenant: TenantId,
    (epoch_no, stream, seq): (i64, u8, u64),
) -> Result<Option<[u8; 32]>, StoreError> {
    let sql = "SELECT leaf FROM evidence_log
               WHERE tenant_id = ? AND epoch_no = ? AND stream = ? AND seq = ?";
    let args = params![tenant.to_string(), epoch_no, stream, number(seq)];
    query::find(conn, sql, args, |r| r.get(0))
}

/// What the hub last made of a user.
pub fn get_from_above(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<FromAbove>, StoreError> {
    let sql = "SELECT rev, role, is_active FROM sync_users WHERE tenant_id = ? AND user_id = ?";
    query::find(
        conn,
        sql,
        params![tenant.to_string(), user.to_string()],
        |r| {
            Ok(FromAbove {
                rev: count(r, "rev")?,
                role: row::word(r, "role")?,
                is_active: r.get("is_active")?,
            })
        },
    )
}

/// Keeps what the hub made of a user.
pub fn put_from_above(
    conn: &Connection,
    tenant: TenantId,
    user: UserId,
    made: FromAbove,
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO sync_users (tenant_id, user_id, rev, role, is_active)
               VALUES (?, ?, ?, ?, ?)";
    let args = params![
        tenant.to_string(),
        user.to_string(),
        number(made.rev),
        made.role.as_str(),
        made.is_active
    ];
    query::change_one(conn, sql, args)
}

/// Active tenant admins that can sign in here, but for one.
pub fn count_other_admins(
    conn: &Connection,
    tenant: TenantId,
    but: UserId,
) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM users WHERE tenant_id = ? AND id <> ? AND is_active = 1
               AND role = 'tenant_admin'";
    let args = params![tenant.to_string(), but.to_string()];
    Ok(conn.prepare_cached(sql)?.query_row(args, |r| r.get(0))?)
}

/// Asks a person; an open question about the same user gives way. Who enrols again hears every change
/// from the first on: what was asked about one of them before is asked anew.
pub fn create_question(
    conn: &Connection,
    tenant: TenantId,
    question: &Question,
) -> Result<(), StoreError> {
    let close = "UPDATE sync_questions SET decided_at = ?, decision = 'kept'
                 WHERE tenant_id = ? AND user_id = ? AND decided_at IS NULL";
    let (whose, user) = (tenant.to_string(), question.user_id.to_string());
    query::change(conn, close, params![question.at.0, whose, user])?;
    let sql =
        "INSERT INTO sync_questions (tenant_id, id, kind, user_id, username, rev, here, wanted, at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (tenant_id, id) DO UPDATE SET kind = excluded.kind,
               username = excluded.username, here = excluded.here, wanted = excluded.wanted,
               at = excluded.at, decided_at = NULL, decided_by = NULL, decision = NULL";
    let args = params![
        whose,
        question.id,
        question.kind,
        user,
        question.username,
        number(question.rev),
        row::to_json(&question.here)?,
        row::to_json(&question.wanted)?,
        question.at.0
    ];
    query::change_one(conn, sql, args)
}

/// What is to be looked at, oldest first.
pub fn list_open_questions(
    conn: &Connection,
    tenant: TenantId,
) -> Result<Vec<Question>, StoreError> {
    let sql = "SELECT id, kind, user_id, username, rev, here, wanted, at, decided_at, decided_by,
               decision FROM sync_questions WHERE tenant_id = ? AND decided_at IS NULL ORDER BY at";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.to_string()], |r| {
        Ok(Question {
            id: r.get("id")?,
            kind: r.get("kind")?,
            user_id: row::id(r, "user_id")?,
            username: r.get("username")?,
            rev: count(r, "rev")?,
            here: row::json(r, "here")?,
            wanted: row::json(r, "wanted")?,
            at: row::time(r, "at")?,
            decided_at: row::time_opt(r, "decided_at")?,
            decided_by: r.get("decided_by")?,
            decision: r.get("decision")?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Closes a question.
pub fn close_question(
    conn: &Connection,
    tenant: TenantId,
    id: &str,
    (by, at, decision): (&str, Timestamp, &str),
) -> Result<(), StoreError> {
    let sql = "UPDATE sync_questions SET decided_at = ?, decided_by = ?, decision = ?
               WHERE tenant_id = ? AND id = ? AND decided_at IS NULL";
    query::change_one(
        conn,
        sql,
        params![at.0, by, decision, tenant.to_string(), id],
    )
}

/// Keeps a flag of the hub.
pub fn put_flag(
    conn: &Connection,
    tenant: TenantId,
    (key, is_on, rev): (&str, bool, u64),
) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO sync_flags (tenant_id, key, is_on, rev) VALUES (?, ?, ?, ?)";
    query::change_one(
        conn,
        sql,
        params![tenant.to_string(), key, is_on, number(rev)],
    )
}

/// The flags the hub has set.
pub fn list_flags(conn: &Connection, tenant: TenantId) -> Result<Vec<(String, bool)>, StoreError> {
    let sql = "SELECT key, is_on FROM sync_flags WHERE tenant_id = ? ORDER BY key";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map([tenant.to_string()], |r| Ok((r.get(0)?, r.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
