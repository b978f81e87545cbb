//! Tests of authorities with certificates made for the purpose.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use super::*;

/// Serial number of an authority below another.
const BETWEEN: u64 = 77;

const NOW: Timestamp = Timestamp(1_750_000_000_000);

/// A key pair with a certificate that may issue others.
struct Issuing {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

impl Issuing {
    fn root(name: &str) -> Self {
        Self::of(authority_params(name))
    }

    fn of(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    /// An authority below this one.
    fn below(&self, name: &str) -> Self {
        let (mut params, key) = (authority_params(name), KeyPair::generate().unwrap());
        params.serial_number = Some(SerialNumber::from(BETWEEN));
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    fn leaf(&self, serial: u64) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.subject_alt_names = vec![SanType::URI("urn:plant:server".try_into().unwrap())];
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        certificate.der().to_vec()
    }

    fn list(&self, revoked: &[u64], next_year: i32) -> Vec<u8> {
        let revoked_certs = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2025, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 6, 1),
            next_update: date_time_ymd(next_year, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    fn known(&self, is_trusted: bool, revocations: Option<Vec<u8>>) -> Authority {
        Authority {
            der: self.der.clone(),
            is_trusted,
            revocations,
        }
    }
}

fn by(authority: &str, revocations: Revocations) -> Vouched {
    Vouched::By(Voucher {
        authority: authority.to_owned(),
        revocations,
    })
}

#[test]
fn a_trusted_authority_vouches_for_what_it_issued_and_for_nothing_else() {
    let (plant, stranger) = (Issuing::root("Plant CA"), Issuing::root("Plant CA"));
    let trusted = [plant.known(true, None)];
    let expected = by("CN=Plant CA", Revocations::Unknown);
    assert_eq!(vouch(&plant.leaf(1), &trusted, NOW), expected);
    // Same name, another key.
    assert_eq!(vouch(&stranger.leaf(1), &trusted, NOW), Vouched::ByNobody);
    // Added, but not yet compared by a person.
    let undecided = [plant.known(false, None)];
    assert_eq!(vouch(&plant.leaf(1), &undecided, NOW), Vouched::ByNobody);
    assert_eq!(vouch(&plant.leaf(1), &[], NOW), Vouched::ByNobody);
    assert_eq!(vouch(b"noise", &trusted, NOW), Vouched::ByNobody);
}

#[test]
fn a_path_leads_over_an_authority_between_to_the_trusted_one() {
    let root = Issuing::root("Root");
    let between = root.below("Line 2");
    let leaf = between.leaf(7);
    let only_root = [root.known(true, None)];
    assert_eq!(vouch(&leaf, &only_root, NOW), Vouched::ByNobody);
    let both = [root.known(true, None), between.known(false, None)];
    assert_eq!(
        vouch(&leaf, &both, NOW),
        by("CN=Line 2", Revocations::Unknown)
    );
    // The root takes the one between back, and with it all it issued.
    let list = Some(root.list(&[BETWEEN], 2029));
    let taken_back = [root.known(true, list), between.known(false, None)];
    assert!(matches!(
        vouch(&leaf, &taken_back, NOW),
        Vouched::Revoked(_)
    ));
}

#[test]
fn a_revoked_certificate_is_named_as_such_also_by_a_list_past_its_date() {
    let plant = Issuing::root("Plant CA");
    let with = |list| [plant.known(true, Some(list))];
    let revoked = Vouched::Revoked("CN=Plant CA".to_owned());
    assert_eq!(
        vouch(&plant.leaf(9), &with(plant.list(&[9], 2029)), NOW),
        revoked
    );
    assert_eq!(
        vouch(&plant.leaf(9), &with(plant.list(&[8, 9], 2025)), NOW),
        revoked
    );
    let good = vouch(&plant.leaf(10), &with(plant.list(&[9], 2029)), NOW);
    assert_eq!(good, by("CN=Plant CA", Revocations::Known));
    let old = vouch(&plant.leaf(10), &with(plant.list(&[9], 2025)), NOW);
    let due = Timestamp(1_735_689_600_000);
    assert_eq!(old, by("CN=Plant CA", Revocations::Old(due)));
}

#[test]
fn an_authority_outside_its_dates_vouches_for_nothing_and_is_named() {
    let mut params = authority_params("Old CA");
    params.not_after = date_time_ymd(2025, 1, 1);
    let old = Issuing::of(params);
    let trusted = [old.known(true, None)];
    let expected = Vouched::Outdated("CN=Old CA".to_owned());
    assert_eq!(vouch(&old.leaf(1), &trusted, NOW), expected);
}

#[test]
fn only_authorities_and_the_lists_they_signed_are_taken() {
    let (plant, other) = (Issuing::root("Plant CA"), Issuing::root("Other CA"));
    let facts = read_authority(&plant.der).unwrap();
    assert_eq!(
        (facts.subject.as_str(), facts.der.as_slice()),
        ("CN=Plant CA", &*plant.der)
    );
    let armoured = pem::encode(&pem::Pem::new("CERTIFICATE", plant.der.clone()));
    assert_eq!(read_authority(armoured.as_bytes()).unwrap(), facts);
    let code = |file: &[u8]| read_authority(file).unwrap_err().code;
    assert_eq!(code(&plant.leaf(1)), "authorities.not_an_authority");
    for noise in [
        &b""[..],
        b"noise",
        b"-----BEGIN CERTIFICATE-----\n!",
        &vec![0x30; 1 << 20],
    ] {
        assert_eq!(code(noise), "authorities.unreadable");
    }
    let list = read_revocations(&plant.list(&[1, 2], 2029), &plant.der).unwrap();
    assert_eq!(
        (list.revoked, list.issued_at),
        (2, Timestamp(1_717_200_000_000))
    );
    let code = |file: &[u8]| read_revocations(file, &plant.der).unwrap_err().code;
    assert_eq!(code(&other.list(&[], 2029)), "authorities.list_foreign");
    let mut forged = plant.list(&[1], 2029);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(code(&forged), "authorities.list_foreign");
    assert_eq!(code(b"noise"), "authorities.list_unreadable");
    assert_eq!(code(&plant.der), "authorities.list_unreadable");
}
