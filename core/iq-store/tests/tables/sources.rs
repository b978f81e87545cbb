//! Certificates, sealed secrets and the state of integrations.

use iq_domain::*;
use iq_store::{authorities, certificates, integration_secrets, integrations};
use serde_json::json;

use crate::code;
use crate::support::{Fixture, T0, certificate};

#[test]
fn pending_certificates_are_capped_and_decisions_are_kept() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let first = p.certificate.id;
    fixture
        .write(move |c| {
            let trusted = TrustState::Trusted;
            certificates::update_certificate_state(c, t, first, trusted, "admin", T0)?;
            for n in 2..=60 {
                let seen = certificate(t, integration, n, T0.plus_ms(n.into()));
                let kept = certificates::record_certificate(c, t, &seen)?;
                assert_eq!((kept.id, kept.state), (seen.id, TrustState::Pending));
            }
            Ok(())
        })
        .unwrap();
    let pending = fixture.read(|c| {
        certificates::list_certificates(c, t, Some(integration), Some(TrustState::Pending))
    });
    assert_eq!(pending.len() as u32, certificates::MAX_PENDING);
    assert_eq!(pending[0].sha256, format!("{:064x}", 60));
    let again = certificate(t, integration, 1, T0.plus_ms(99));
    let kept = fixture
        .write(move |c| certificates::record_certificate(c, t, &again))
        .unwrap();
    assert_eq!((kept.id, kept.state), (first, TrustState::Trusted));
    assert_eq!(
        (kept.first_seen_at, kept.last_seen_at),
        (T0, T0.plus_ms(99))
    );
    assert_eq!(kept.decided_by.as_deref(), Some("admin"));
}

#[test]
fn an_authority_keeps_its_decision_and_its_latest_list() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, id) = (p.id(), p.authority.id);
    let found = || {
        fixture
            .read(move |c| authorities::get_authority(c, t, id))
            .unwrap()
    };
    assert_eq!(found(), p.authority);
    let list = RevocationList {
        der: vec![7; 40],
        issued_at: T0,
        next_at: None,
        revoked: 3,
        added_by: "admin".into(),
        added_at: T0.plus_ms(5),
    };
    let kept = list.clone();
    fixture
        .write(move |c| {
            authorities::trust_authority(c, t, id, "admin", T0.plus_ms(9))?;
            authorities::update_revocations(c, t, id, &kept)
        })
        .unwrap();
    let expected = CertificateAuthority {
        is_trusted: true,
        decided_by: Some("admin".into()),
        decided_at: Some(T0.plus_ms(9)),
        revocations: Some(list),
        ..p.authority.clone()
    };
    assert_eq!(found(), expected);
    let again = p.authority.clone();
    let twice = fixture.write(move |c| {
        let id = CertificateId::new();
        authorities::create_authority(c, t, &CertificateAuthority { id, ..again })
    });
    assert!(twice.is_err(), "one certificate, one row");
    fixture
        .write(move |c| authorities::delete_authority(c, t, id))
        .unwrap();
    assert_eq!(
        fixture.read(move |c| authorities::get_authority(c, t, id)),
        None
    );
}

#[test]
fn a_certificate_remembers_who_vouched_for_it_last() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    for authority in [Some("CN=Plant CA".to_owned()), None] {
        let seen = ServerCertificate {
            authority: authority.clone(),
            ..certificate(t, integration, 5, T0)
        };
        let kept = fixture
            .write(move |c| certificates::record_certificate(c, t, &seen))
            .unwrap();
        assert_eq!(
            (kept.state, kept.authority),
            (TrustState::Pending, authority)
        );
    }
}

#[test]
fn a_sealed_secret_is_replaced_only_by_a_newer_version() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let next =
        fixture.read(|c| integration_secrets::next_secret_version(c, t, integration, "password"));
    assert_eq!(next, 2);
    let put = |version| {
        let secret = integration_secrets::SealedSecret {
            field: "password".into(),
            version,
            sealed: vec![9],
        };
        fixture.write(move |c| integration_secrets::put_sealed_secret(c, t, integration, &secret))
    };
    put(2).unwrap();
    assert_eq!(code(put(2)), "integrations.secret_changed");
    assert_eq!(code(put(1)), "integrations.secret_changed");
}

#[test]
fn the_state_of_an_integration_is_recorded_apart_from_its_configuration() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, id) = (p.id(), p.integration.id);
    let at = T0.plus_ms(9);
    fixture
        .write(move |c| {
            let params = json!({"host": "plant"});
            let failure = Some(("test.tcp_refused", &params));
            let status = IntegrationStatus::Error;
            integrations::update_integration_status(c, t, id, status, failure, at)?;
            integrations::update_last_value_at(c, t, id, T0.plus_ms(7))?;
            integrations::update_last_value_at(c, t, id, T0)?;
            let renamed = Integration {
                name: "Line 2".into(),
                ..p.integration.clone()
            };
            integrations::update_integration(c, t, &renamed)
        })
        .unwrap();
    let found = fixture
        .read(|c| integrations::get_integration(c, t, id))
        .unwrap();
    assert_eq!(
        (found.name.as_str(), found.status),
        ("Line 2", IntegrationStatus::Error)
    );
    assert_eq!(found.status_code.as_deref(), Some("test.tcp_refused"));
    assert_eq!(
        (found.status_at, found.last_value_at),
        (Some(at), Some(T0.plus_ms(7)))
    );
}

#[test]
fn no_file_of_the_store_contains_a_sealed_secret_in_the_clear() {
    let fixture = Fixture::new();
    let p = fixture.filled();
    let (t, integration) = (p.id(), p.integration.id);
    let folder = fixture.path().parent().unwrap().to_owned();
    let key = iq_secrets::MasterKey::load_or_create(&folder.join("master.key")).unwrap();
    let canary = "Kanarienvogel-4711";
    let sealed = key
        .seal_field(t, integration, "token", 1, &canary.into())
        .unwrap();
    fixture
        .write(move |c| {
            let secret = integration_secrets::SealedSecret {
                field: "token".into(),
                version: 1,
                sealed,
            };
            integration_secrets::put_sealed_secret(c, t, integration, &secret)
        })
        .unwrap();
    let found =
        fixture.read(|c| integration_secrets::get_sealed_secret(c, t, integration, "token"));
    let sealed = found.unwrap().sealed;
    let opened = key
        .unseal_field(t, integration, "token", 1, &sealed)
        .unwrap();
    assert_eq!(opened.expose(), canary);
    let mut has_sealed = false;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(!contains(canary.as_bytes()), "{}", path.display());
        has_sealed |= contains(&sealed);
    }
    assert!(
        has_sealed,
        "the files that were searched are not those of the store"
    );
}
