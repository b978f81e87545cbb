//! The same by files alone: carried in any order, lost, doubled, changed, meant for another; over a
//! one-way line; and what must never be in any of them.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use iq_secrets::{FileKey, MasterKey};
use iq_sync_proto::{PublicKey, batch::Envelope, courier::Bundle};
use serde_json::{Value, json};

use crate::{
    hub_rig::text,
    site::{HUB_KEY, Site},
};

/// The stick between the two.
pub(crate) struct Stick(tempfile::TempDir);

impl Stick {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The appliance writes a file; what it said of it.
    pub(crate) fn write(&self, site: &mut Site, name: &str, mut from: Value) -> Result<Value> {
        from["do"] = json!("export");
        from["to"] = json!(self.path(name));
        site.tell(from)
    }

    /// The hub reads it; what it answered, the receipts beside it.
    pub(crate) async fn deliver(&self, site: &Site, name: &str) -> Result<Value> {
        let bytes = std::fs::read(self.path(name))?;
        let path = "/api/admin/courier";
        let reply = site.admin.post_bytes(&site.owner, path, bytes).await?;
        ensure!(reply.status == StatusCode::OK, "{reply:?}");
        let receipts = STANDARD.decode(text(&reply.body["receipts"])?)?;
        std::fs::write(self.path(&format!("{name}.oqr")), receipts)?;
        // What is photographed or copied where no file goes back.
        let texts = reply.body["texts"].as_array().context("no texts")?;
        let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
        std::fs::write(self.path(&format!("{name}.txt")), texts.join("\n"))?;
        Ok(reply.body["report"].clone())
    }

    pub(crate) fn bring_back(&self, site: &mut Site, name: &str) -> Result<Value> {
        site.tell(json!({"do": "import", "file": self.path(name)}))
    }
}

/// A site whose line is cut, with records that leave by files.
pub(crate) async fn by_files(way: &str) -> Result<(Site, Stick)> {
    let mut site = Site::new().await?;
    site.cable.pull();
    site.tell(json!({"do": "level", "level": 2, "way": way}))?;
    Ok((site, Stick::new()?))
}

pub(crate) fn status(site: &mut Site) -> Result<Value> {
    site.tell(json!({"do": "status"}))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_do_what_the_line_does_and_count_only_when_their_receipt_is_back() -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    site.write(120)?;
    assert_eq!(status(&mut site)?["state"], "to_write");
    let first = stick.write(&mut site, "1", json!({}))?;
    assert_eq!((&first["number"], &first["left"]), (&json!(1), &json!(0)));
    let sent = status(&mut site)?;
    assert_eq!(
        (&sent["state"], &sent["confirmed"]),
        (&json!("unconfirmed"), &json!(0))
    );
    assert_eq!(sent["last_receipt_at"], json!(null), "a greeting is none");
    // The courier is late: another file goes on where this one ended, and arrives first.
    site.write(60)?;
    let second = stick.write(&mut site, "2", json!({"next": true}))?;
    let early = stick.deliver(&site, "2").await?;
    assert_eq!(early["stored"], 0);
    assert_eq!(early["gaps"].as_array().map(Vec::len), Some(2), "{early}");
    let report = stick.deliver(&site, "1").await?;
    assert_eq!(report["stored"], first["records"], "{report}");
    std::fs::copy(stick.path("1.oqr"), stick.path("old.oqr"))?;
    let report = stick.deliver(&site, "2").await?;
    assert_eq!(report["stored"], second["records"], "{report}");
    let again = stick.deliver(&site, "1").await?;
    assert_eq!((&again["stored"], &again["gaps"]), (&json!(0), &json!([])));
    // Both receipts, the older one last: what was heard is not taken back.
    stick.bring_back(&mut site, "2.oqr")?;
    stick.bring_back(&mut site, "old.oqr")?;
    let heard = status(&mut site)?;
    assert_eq!(
        (&heard["state"], &heard["backlog"]),
        (&json!("registered"), &json!(0))
    );
    let nothing = stick.write(&mut site, "3", json!({}));
    assert!(format!("{:?}", nothing.unwrap_err()).contains("sync.nothing_to_export"));
    site.is_the_same_log().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_or_meant_for_another_is_refused_whole() -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    let (mut other, others) = by_files("courier").await?;
    site.write(20)?;
    other.write(20)?;
    stick.write(&mut site, "mine", json!({}))?;
    others.write(&mut other, "theirs", json!({}))?;
    let file = std::fs::read(stick.path("mine"))?;
    for at in (0..file.len()).step_by(file.len() / 40) {
        let mut changed = file.clone();
        changed[at] ^= 4;
        let path = "/api/admin/courier";
        let reply = site.admin.post_bytes(&site.owner, path, changed).await?;
        assert_eq!(
            reply.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "byte {at}: {reply:?}"
        );
    }
    let foreign = std::fs::read(others.path("theirs"))?;
    let path = "/api/admin/courier";
    let reply = site.admin.post_bytes(&site.owner, path, foreign).await?;
    assert_eq!(reply.code(), "sync.unknown_appliance");
    assert_eq!(site.held().await?.len(), 0);
    // A receipt of another hub moves nothing.
    others.deliver(&other, "theirs").await?;
    std::fs::copy(others.path("theirs.oqr"), stick.path("foreign.oqr"))?;
    let refused = stick.bring_back(&mut site, "foreign.oqr");
    assert!(format!("{:?}", refused.unwrap_err()).contains("sync.receipt_foreign"));
    assert_eq!(status(&mut site)?["confirmed"], 0);
    // Revoked: no file of it counts any more.
    let fleet = site.admin.get(&site.owner, "/api/admin/appliances").await?;
    let id = text(&fleet.body[0]["id"])?;
    let revoke = format!("/api/admin/appliances/{}/{id}/revoke", site.hub_tenant);
    site.admin.post(&site.owner, &revoke, json!({})).await?;
    let reply = site.admin.post_bytes(&site.owner, path, file).await?;
    assert_eq!(reply.code(), "sync.revoked");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_comes_back_as_text_and_a_slip_or_a_strangers_moves_nothing() -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    let (mut other, others) = by_files("courier").await?;
    site.write(40)?;
    stick.write(&mut site, "1", json!({}))?;
    stick.deliver(&site, "1").await?;
    let text = std::fs::read_to_string(stick.path("1.txt"))?;
    ensure!(text.starts_with("OQR1.1-"), "{text}");
    let bring = |site: &mut Site, text: String| -> Result<Value> {
        std::fs::write(stick.path("pasted"), text)?;
        stick.bring_back(site, "pasted")
    };
    let refused = |site: &mut Site, text: String, code: &str| -> Result<()> {
        let error = format!("{:?}", bring(site, text).unwrap_err());
        ensure!(error.contains(code), "{code}: {error}");
        ensure!(status(site)?["confirmed"] == 0, "it moved");
        Ok(())
    };
    // A letter lost, one changed, the end missing; and something else.
    let middle = text.len() / 2;
    let other_letter = if &text[middle..=middle] == "7" {
        "8"
    } else {
        "7"
    };
    let mut changed = text.clone();
    changed.replace_range(middle..=middle, other_letter);
    let mut shorter = text.clone();
    shorter.remove(middle);
    for damaged in [changed, shorter, text[..middle].to_owned()] {
        refused(&mut site, damaged, "sync.receipt_damaged")?;
    }
    refused(
        &mut site,
        "https://hub.example".to_owned(),
        "sync.file_unreadable",
    )?;
    // Whole, and of another hub to another appliance.
    other.write(10)?;
    others.write(&mut other, "theirs", json!({}))?;
    others.deliver(&other, "theirs").await?;
    let foreign = std::fs::read_to_string(others.path("theirs.txt"))?;
    refused(&mut site, foreign, "sync.receipt_foreign")?;
    // As a person copies it: small letters, broken lines.
    let copied: Vec<String> = text
        .to_lowercase()
        .as_bytes()
        .chunks(30)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    let done = bring(&mut site, copied.join(" \r\n"))?;
    assert_eq!(done["kind"], "receipts");
    let heard = status(&mut site)?;
    assert_eq!(heard["backlog"], 0, "{heard}");
    // A newer one, then the old one again: what was heard is not taken back.
    site.write(20)?;
    stick.write(&mut site, "2", json!({}))?;
    stick.deliver(&site, "2").await?;
    let newer = std::fs::read_to_string(stick.path("2.txt"))?;
    bring(&mut site, newer)?;
    let confirmed = status(&mut site)?["confirmed"].clone();
    let old = bring(&mut site, text)?;
    assert_eq!(old["count"], 0, "{old}");
    assert_eq!(status(&mut site)?["confirmed"], confirmed);
    site.is_the_same_log().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_one_way_line_nothing_is_confirmed_and_a_gap_code_brings_what_is_missing()
-> Result<()> {
    let (mut site, stick) = by_files("one_way").await?;
    for name in ["1", "2", "3"] {
        site.write(30)?;
        stick.write(&mut site, name, json!({}))?;
    }
    stick.deliver(&site, "1").await?;
    // The second never arrives.
    let report = stick.deliver(&site, "3").await?;
    let gaps = report["gaps"].as_array().context("no gaps")?.clone();
    assert_eq!(gaps.len(), 2, "{report}");
    for (number, code) in gaps.iter().enumerate() {
        let name = format!("gap-{number}");
        stick.write(&mut site, &name, json!({"gap": code}))?;
        let filled = stick.deliver(&site, &name).await?;
        assert_eq!(filled["gaps"], json!([]), "{filled}");
    }
    stick.deliver(&site, "3").await?;
    let blind = status(&mut site)?;
    assert_eq!(
        (&blind["state"], &blind["confirmed"]),
        (&json!("unconfirmed"), &json!(0))
    );
    let wrong = stick.write(&mut site, "wrong", json!({"gap": "7777-7777-7777"}));
    assert!(format!("{:?}", wrong.unwrap_err()).contains("sync.gap_code_wrong"));
    site.is_the_same_log().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_down_in_a_file_that_only_this_appliance_opens() -> Result<()> {
    let (mut site, stick) = by_files("courier").await?;
    let place = (site.hub_tenant.as_str(), "jubail");
    site.admin.user(&site.owner, place, "engineer").await?;
    let fleet = site.admin.get(&site.owner, "/api/admin/appliances").await?;
    let id = text(&fleet.body[0]["id"])?;
    let path = format!("/api/admin/courier/{}/{id}", site.hub_tenant);
    let file = site.admin.get_bytes(&site.owner, &path).await?;
    ensure!(file.starts_with(b"age-encryption.org/"), "not sealed");
    std::fs::write(stick.path("people.oqc"), &file)?;
    let done = stick.bring_back(&mut site, "people.oqc")?;
    assert_eq!(done["kind"], "configuration");
    let users = site.tell(json!({"do": "users"}))?;
    assert_eq!(users["users"], json!(["engineer-jubail"]));
    let again = stick.bring_back(&mut site, "people.oqc");
    assert!(format!("{:?}", again.unwrap_err()).contains("sync.changes_stale"));
    let (mut other, _) = by_files("courier").await?;
    let elsewhere = stick.bring_back(&mut other, "people.oqc");
    assert!(format!("{:?}", elsewhere.unwrap_err()).contains("sync.file_unreadable"));
    Ok(())
}

/// A secret that is looked for: as it is, as hex digits, and as Base64 at its three offsets.
fn hides(bytes: &[u8], secret: &str) -> bool {
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let based = (0..3).map(|pad| {
        let text = STANDARD.encode([&b"xx"[..pad.min(2)], secret.as_bytes()].concat());
        text[4..text.len() - 4].to_owned()
    });
    let mut looks = vec![secret.to_owned(), hex];
    looks.extend(based);
    looks.iter().any(|look| {
        bytes
            .windows(look.len())
            .any(|part| part == look.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_connectors_are_in_no_batch_no_file_and_no_table_of_the_hub() -> Result<()> {
    const SECRET: &str = "canary-4b7d1f-passwort-of-the-historian";
    assert!(hides(
        format!("x{}", STANDARD.encode(format!("zz{SECRET}"))).as_bytes(),
        SECRET
    ));
    let mut site = Site::set_up().await?;
    let made = site.call(
        "/api/integrations/",
        &json!({
            "kind": "sql", "name": "History", "is_enabled": false,
            "config": {
                "db_type": "postgres", "host": "127.0.0.1", "port": 1, "database_name": "plant",
                "username": "reader", "password": SECRET, "ssl_mode": "verify_full",
                "data_mode": "raw_table", "table_name": "history", "timestamp_column": "ts",
                "tag_column": "tag", "value_column": "value",
            },
        }),
    )?;
    let id = text(&made["id"])?;
    // What is tried and refused is recorded too.
    site.call(&format!("/api/integrations/{id}/test"), &json!({}))?;
    site.tell(json!({"do": "level", "level": 3}))?;
    site.write(50)?;
    site.is_drained()?;
    ensure!(
        site.count("SELECT count(*) FROM sync_log WHERE stream = 3")? > 0,
        "no figures went by"
    );
    let key = appliance_key(&site)?;
    let batches = site.line.batches();
    ensure!(batches.len() >= 2, "no batches went by");
    for request in &batches {
        assert!(!hides(request, SECRET));
        let head = request.windows(4).position(|four| four == b"\r\n\r\n");
        let body = &request[head.context("no head")? + 4..];
        let opened = Envelope::decode(body).and_then(|envelope| envelope.open(key));
        let records = opened.map_err(|refusal| anyhow!("{refusal:?}"))?.records;
        assert!(!hides(&records.concat(), SECRET));
    }
    let tables = site.postgres.sql(
        "SELECT string_agg(format('SELECT t::text FROM %I t', tablename), ' UNION ALL ')
         FROM pg_tables WHERE schemaname = 'public'",
    )?;
    let everything = site.postgres.sql(&tables)?;
    let rows = everything.lines().count();
    ensure!(rows > 50, "the 50 records are not among {rows} rows");
    assert!(!hides(everything.as_bytes(), SECRET));
    // The same in a file.
    let stick = Stick::new()?;
    site.tell(json!({"do": "level", "level": 3, "way": "courier"}))?;
    site.write(20)?;
    stick.write(&mut site, "file", json!({}))?;
    let file = std::fs::read(stick.path("file"))?;
    assert!(!hides(&file, SECRET));
    let secret = MasterKey::from_text(&HUB_KEY.into()).derive("courier recipient");
    let plain = FileKey::from_bytes(&secret).open(&file, file.len())?;
    assert!(!hides(&plain, SECRET));
    let bundle = Bundle::decode(&plain).map_err(|refusal| anyhow!("{refusal:?}"))?;
    let batches = bundle.verify(key, &bundle.manifest.recipient);
    for batch in batches.map_err(|refusal| anyhow!("{refusal:?}"))? {
        let opened = bundle.open_batch(batch, key);
        let records = opened.map_err(|refusal| anyhow!("{refusal:?}"))?.records;
        assert!(!hides(&records.concat(), SECRET));
    }
    Ok(())
}

/// The appliance's public key as the hub knows it.
fn appliance_key(site: &Site) -> Result<PublicKey> {
    let hex = site
        .postgres
        .sql("SELECT encode(public_key, 'hex') FROM appliances")?;
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2).context("no key")?, 16)?;
    }
    PublicKey::from_bytes(&bytes).context("no key")
}
