//! The connection doctor: turns each failed or doubtful stage of a test into what is wrong, what to do
//! next, who in the plant can do it and what to send them. The sentence of the cause is that of its
//! code; what is added here depends only on what kind of trouble it is.

use std::collections::BTreeMap;

use iq_connector::{StageKey, StageStatus, TestReport, TestStage};
use iq_domain::Message;
use serde::{Deserialize, Serialize};

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// A value of the form.
    Config,
    /// The host name has no address.
    Dns,
    /// The port does not answer.
    Network,
    /// Something answers, but not what was expected.
    Protocol,
    /// Certificates and encryption.
    Tls,
    /// The account is not accepted.
    Auth,
    /// The account is accepted and may not do it.
    Permission,
    /// The account may do more than it should.
    TooMuch,
    /// The clocks differ.
    Clock,
    /// Nothing to read where it was looked for.
    Data,
    /// The source is too slow or too busy.
    Load,
    /// Switched off on this installation.
    SwitchedOff,
    /// None of these.
    Other,
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixer {
    /// The person at this page.
    You,
    /// Whoever runs the plant's network and firewalls.
    Network,
    /// Whoever runs the source system.
    SourceOwner,
    /// Whoever manages accounts.
    AccountOwner,
    /// The owner of this installation.
    PlatformOwner,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Config,
        Self::Dns,
        Self::Network,
        Self::Protocol,
        Self::Tls,
        Self::Auth,
        Self::Permission,
        Self::TooMuch,
        Self::Clock,
        Self::Data,
        Self::Load,
        Self::SwitchedOff,
        Self::Other,
    ];

    /// The word in message keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Dns => "dns",
            Self::Network => "network",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::TooMuch => "too_much",
            Self::Clock => "clock",
            Self::Data => "data",
            Self::Load => "load",
            Self::SwitchedOff => "switched_off",
            Self::Other => "other",
        }
    }

    /// Who can fix it.
    #[must_use]
    pub const fn fixer(self) -> Fixer {
        match self {
            Self::Config | Self::Data => Fixer::You,
            Self::Dns | Self::Network => Fixer::Network,
            Self::Protocol | Self::Tls | Self::Clock | Self::Load | Self::Other => {
                Fixer::SourceOwner
            }
            Self::Auth | Self::Permission | Self::TooMuch => Fixer::AccountOwner,
            Self::SwitchedOff => Fixer::PlatformOwner,
        }
    }
}

impl Fixer {
    /// The word in message keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Network => "network",
            Self::SourceOwner => "source_owner",
            Self::AccountOwner => "account_owner",
            Self::PlatformOwner => "platform_owner",
        }
    }
}

/// What the doctor found at one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The stage.
    pub stage: StageKey,
    /// It stops the connection; otherwise it should be changed some day.
    pub is_blocking: bool,
    /// What kind of trouble it is.
    pub topic: Topic,
    /// Cause.
    pub cause: Message,
    /// Who can fix it.
    pub fixer: Fixer,
    /// Arguments of the next step and of the text to send.
    pub params: BTreeMap<String, String>,
    /// What was seen, as pairs of a key and a value.
    pub evidence: Vec<(&'static str, String)>,
}

/// Findings of a test, what blocks first.
#[must_use]
pub fn diagnose(report: &TestReport, address: &str) -> Vec<Finding> {
    let mut findings: Vec<Finding> = report
        .stages
        .iter()
        .filter(|s| matches!(s.status, StageStatus::Failed | StageStatus::Warning))
        .map(|stage| finding(report, stage, address))
        .collect();
    if findings.is_empty() && !report.success {
        let stage = TestStage {
            key: StageKey::Read,
            status: StageStatus::Failed,
            ms: 0,
            message: report.message.clone(),
            remedy: None,
        };
        findings.push(finding(report, &stage, address));
    }
    findings.sort_by_key(|f| !f.is_blocking);
    findings
}

fn finding(report: &TestReport, stage: &TestStage, address: &str) -> Finding {
    let topic = topic_of(&stage.message.code, stage.key);
    let mut params = stage.message.params.clone();
    params
        .entry("address".to_owned())
        .or_insert_with(|| address.to_owned());
    params.insert("code".to_owned(), stage.message.code.clone());
    let mut evidence = vec![
        ("code", stage.message.code.clone()),
        ("address", address.to_owned()),
        ("ms", stage.ms.to_string()),
    ];
    let passed: Vec<String> = report
        .stages
        .iter()
        .filter(|s| matches!(s.status, StageStatus::Ok | StageStatus::Warning))
        .map(|s| format!("{} {} ms", key_of(s.key), s.ms))
        .collect();
    if !passed.is_empty() {
        evidence.push(("passed", passed.join(", ")));
    }
    for (key, value) in &stage.message.params {
        if let Some(known) = SHOWN.iter().find(|known| **known == key.as_str()) {
            evidence.push((known, value.clone()));
        }
    }
    Finding {
        stage: stage.key,
        is_blocking: stage.status == StageStatus::Failed,
        topic,
        cause: stage.message.clone(),
        fixer: topic.fixer(),
        params,
        evidence,
    }
}

/// Arguments of causes that help whoever is asked.
const SHOWN: [&str; 10] = [
    "host",
    "fingerprint",
    "detail",
    "status",
    "date",
    "tag",
    "user",
    "field",
    "expected",
    "found",
];

fn key_of(key: StageKey) -> &'static str {
    match key {
        StageKey::Config => "config",
        StageKey::Dns => "dns",
        StageKey::Tcp => "tcp",
        StageKey::Hello => "hello",
        StageKey::Security => "security",
        StageKey::Session => "session",
        StageKey::Read => "read",
    }
}

/// Words of a code and the trouble they stand for; the first that fits decides. The words are looked
/// for in the part behind the area, so that "opcua.certificate_expired" is about certificates and
/// "network.timeout" about the network.
const WORDS: [(&str, Topic); 57] = [
    ("external_db_disabled", Topic::SwitchedOff),
    ("demo_mode_off", Topic::SwitchedOff),
    ("account_can_write", Topic::TooMuch),
    ("can_write", Topic::TooMuch),
    ("writable", Topic::TooMuch),
    ("not_read_only", Topic::TooMuch),
    ("clock", Topic::Clock),
    ("skew", Topic::Clock),
    ("time_rejected", Topic::Clock),
    ("not_yet_valid", Topic::Clock),
    ("over_none", Topic::Config),
    ("needs_reason", Topic::Config),
    ("dns", Topic::Dns),
    ("host_unknown", Topic::Dns),
    ("name_unresolved", Topic::Dns),
    ("resolve", Topic::Dns),
    ("certificate", Topic::Tls),
    ("tls", Topic::Tls),
    ("security", Topic::Tls),
    ("signature", Topic::Tls),
    ("mode_unsupported", Topic::Tls),
    ("untrusted", Topic::Tls),
    ("credential", Topic::Auth),
    ("identity", Topic::Auth),
    ("password", Topic::Auth),
    ("unauthorized", Topic::Auth),
    ("auth", Topic::Auth),
    ("login", Topic::Auth),
    ("ticket", Topic::Auth),
    ("kerberos", Topic::Auth),
    ("token", Topic::Auth),
    ("user_key", Topic::Auth),
    ("denied", Topic::Permission),
    ("forbidden", Topic::Permission),
    ("permission", Topic::Permission),
    ("refused_port", Topic::Network),
    ("refused", Topic::Network),
    ("unreachable", Topic::Network),
    ("connection_lost", Topic::Network),
    ("silent", Topic::Network),
    ("timeout", Topic::Network),
    ("time_zone", Topic::Config),
    ("too_many", Topic::Load),
    ("rate", Topic::Load),
    ("busy", Topic::Load),
    ("too_large", Topic::Load),
    ("stopping", Topic::Load),
    ("path_unknown", Topic::Data),
    ("tag", Topic::Data),
    ("no_value", Topic::Data),
    ("no_rows", Topic::Data),
    ("empty", Topic::Data),
    ("namespace", Topic::Data),
    ("table", Topic::Data),
    ("column", Topic::Data),
    ("field_", Topic::Config),
    ("config", Topic::Config),
];

/// The trouble a code stands for; the stage decides where the code's words don't.
#[must_use]
pub fn topic_of(code: &str, stage: StageKey) -> Topic {
    let (area, reason) = code.split_once('.').unwrap_or(("", code));
    match area {
        "dns" => return Topic::Dns,
        "tcp" => return Topic::Network,
        "tls" => return Topic::Tls,
        "auth" => return Topic::Auth,
        _ => {}
    }
    if let Some((_, topic)) = WORDS.iter().find(|(word, _)| reason.contains(word)) {
        // A time-out after the connection stood is a slow source, not a closed firewall.
        return match (topic, stage) {
            (Topic::Network, StageKey::Session | StageKey::Read) if reason.contains("timeout") => {
                Topic::Load
            }
            _ => *topic,
        };
    }
    match stage {
        StageKey::Config => Topic::Config,
        StageKey::Dns => Topic::Dns,
        StageKey::Tcp => Topic::Network,
        StageKey::Hello => Topic::Protocol,
        StageKey::Security => Topic::Tls,
        StageKey::Session => Topic::Auth,
        StageKey::Read => Topic::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(key: StageKey, status: StageStatus, code: &str) -> TestStage {
        TestStage {
            key,
            status,
            ms: 7,
            message: Message {
                code: code.to_owned(),
                params: [("host".to_owned(), "10.0.0.5".to_owned())].into(),
            },
            remedy: None,
        }
    }

    fn report(stages: Vec<TestStage>) -> TestReport {
        TestReport {
            success: false,
            message: Message::default(),
            stages,
            sample: None,
        }
    }

    #[test]
    fn the_code_decides_before_the_stage() {
        for (code, key, topic) in [
            ("opcua.certificate_expired", StageKey::Session, Topic::Tls),
            (
                "opcua.our_certificate_time_rejected",
                StageKey::Security,
                Topic::Clock,
            ),
            ("opcua.username_over_none", StageKey::Config, Topic::Config),
            ("auth.bad_credentials", StageKey::Hello, Topic::Auth),
            ("opcua.access_denied", StageKey::Read, Topic::Permission),
            ("opcua.timeout", StageKey::Tcp, Topic::Network),
            ("opcua.timeout", StageKey::Read, Topic::Load),
            ("sql.account_can_write", StageKey::Session, Topic::TooMuch),
            ("anything.unheard_of", StageKey::Dns, Topic::Dns),
            ("anything.unheard_of", StageKey::Tcp, Topic::Network),
        ] {
            assert_eq!(topic_of(code, key), topic, "{code} at {key:?}");
        }
    }

    #[test]
    fn what_blocks_stands_before_what_should_only_be_changed() {
        let found = diagnose(
            &report(vec![
                stage(StageKey::Dns, StageStatus::Ok, ""),
                stage(
                    StageKey::Session,
                    StageStatus::Warning,
                    "sql.account_can_write",
                ),
                stage(StageKey::Read, StageStatus::Failed, "sql.no_rows"),
            ]),
            "10.0.0.5:5432",
        );
        let told: Vec<_> = found.iter().map(|f| (f.is_blocking, f.topic)).collect();
        assert_eq!(told, [(true, Topic::Data), (false, Topic::TooMuch)]);
        assert!(found[0].evidence.contains(&("host", "10.0.0.5".to_owned())));
        assert!(
            found[0]
                .evidence
                .iter()
                .any(|(k, v)| *k == "passed" && v.contains("dns 7 ms"))
        );
    }

    #[test]
    fn a_failure_without_a_stage_is_told_all_the_same() {
        let mut failed = report(Vec::new());
        failed.message.code = "internal.error".to_owned();
        assert_eq!(diagnose(&failed, "x").len(), 1);
    }
}
