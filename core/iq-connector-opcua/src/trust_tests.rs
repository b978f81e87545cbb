//! Tests of the certificate check with certificates made for the purpose.

use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

use super::*;

const URI: &str = "urn:plant:server";

fn certificate(names: Vec<SanType>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .der()
        .to_vec()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

const NOW: Timestamp = Timestamp(1_750_000_000_000);

#[test]
fn the_application_address_is_found_wherever_it_stands_in_the_list() {
    for names in [
        vec![uri(URI), dns("plc")],
        vec![
            dns("plc"),
            SanType::IpAddress([10, 0, 0, 7].into()),
            uri(URI),
        ],
    ] {
        let read = read_certificate(&certificate(names)).unwrap();
        assert_eq!(read.application_uri.as_deref(), Some(URI));
        assert!(check_accepted(&read, URI, NOW).is_ok());
        assert!(names_host(&read, "PLC") && !names_host(&read, "other"));
    }
}

#[test]
fn an_expired_early_or_foreign_certificate_is_refused_although_a_person_accepted_it() {
    let read = read_certificate(&certificate(vec![uri(URI)])).unwrap();
    let code = |uri: &str, at: i64| check_accepted(&read, uri, Timestamp(at)).unwrap_err().code;
    assert_eq!(code(URI, 1_900_000_000_000), "opcua.certificate_expired");
    assert_eq!(
        code(URI, 1_500_000_000_000),
        "opcua.certificate_not_yet_valid"
    );
    assert_eq!(
        code("urn:somebody", NOW.0),
        "opcua.certificate_uri_mismatch"
    );
}

#[test]
fn garbage_oversize_and_chains_are_refused() {
    let der = certificate(vec![uri(URI)]);
    let code = |bytes: &[u8]| read_certificate(bytes).unwrap_err().code;
    assert_eq!(code(b""), "opcua.certificate_invalid");
    assert_eq!(code(b"not a certificate"), "opcua.certificate_invalid");
    assert_eq!(code(&vec![0x30; 1 << 20]), "opcua.certificate_invalid");
    assert_eq!(code(&der[..der.len() - 1]), "opcua.certificate_invalid");
    assert_eq!(
        code(&[der.clone(), der].concat()),
        "opcua.certificate_chain_unsupported"
    );
}

#[test]
fn the_fingerprints_are_those_of_the_exact_bytes() {
    let der = certificate(vec![uri(URI)]);
    let read = read_certificate(&der).unwrap();
    assert_eq!(read.der, der);
    assert_eq!(read.sha256, sha256_hex(&der));
    assert_eq!((read.sha256.len(), read.sha1.len()), (64, 40));
}
