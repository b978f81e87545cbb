//! Enrolment: an appliance with a one-time code makes itself known to a hub, once. It brings the keys
//! it made itself; the hub answers with its own.

use iq_domain::cbor::Value;

use crate::{
    Id,
    sign::{PublicKey, Signed, SigningKey},
    wire::{self, Malformed},
};

/// Of the request, signed by the appliance's key: whoever has the code alone can't use another's key.
pub const REQUEST_TAG: &str = "optria-enrol-v1";
/// Of the answer, signed by the hub's key.
pub const ANSWER_TAG: &str = "optria-enrolled-v1";

/// A one-time code: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(pub [u8; 16]);

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code([redacted])")
    }
}

/// The 32 letters and digits that can't be taken for each other.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Code {
    /// As a person reads it: 26 letters and digits in groups.
    #[must_use]
    pub fn text(&self) -> String {
        let number = u128::from_be_bytes(self.0);
        let letters: Vec<u8> = (0..26)
            .rev()
            .map(|place| ALPHABET[usize::from((number >> (5 * place)) as u8 & 31)])
            .collect();
        let groups: Vec<String> = letters
            .chunks(5)
            .map(|group| group.iter().map(|byte| char::from(*byte)).collect())
            .collect();
        groups.join("-")
    }

    /// Reads what a person typed: case, spaces and dashes don't matter, `O` is 0, `I` and `L` are 1.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut number: u128 = 0;
        let mut count = 0;
        for letter in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let digit = u128::from(letter_value(letter)?);
            if count == 26 || number >> 123 != 0 {
                return None;
            }
            number = number << 5 | digit;
            count += 1;
        }
        (count == 26).then(|| Self(number.to_be_bytes()))
    }
}

/// The value of a letter, as typed by a person.
pub(crate) fn letter_value(letter: char) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET
        .iter()
        .position(|byte| char::from(*byte) == letter)?;
    u8::try_from(place).ok()
}

pub(crate) fn letter(value: u8) -> char {
    char::from(ALPHABET[usize::from(value & 31)])
}

/// What the appliance says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The code.
    pub code: Code,
    /// The tenant as the appliance's records name it; the code says which tenant of the hub it is.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// Its public key.
    pub key: [u8; 32],
    /// Whom configuration files are sealed to: an age recipient (`age1…`).
    pub recipient: String,
    /// What it calls itself. A hub shows the name that its own people gave with the code.
    pub name: String,
    /// The program's version.
    pub version: String,
}

impl Request {
    /// The message that is signed with the key that it names.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        let message = Value::map([
            (1, Value::Bytes(&self.code.0)),
            (2, Value::Bytes(&self.tenant)),
            (3, Value::Bytes(&self.appliance)),
            (4, Value::Bytes(&self.key)),
            (5, Value::Text(&self.recipient)),
            (6, Value::Text(&self.name)),
            (7, Value::Text(&self.version)),
        ]);
        Signed::new(REQUEST_TAG, message.encode(), key)
    }

    /// The request, if it is signed with the key that it names.
    ///
    /// # Errors
    /// When it is no request, or another's.
    pub fn open(signed: &Signed) -> Result<Self, Malformed> {
        let value = wire::value(&signed.message)?;
        let [code, tenant, appliance, key, recipient, name, version] = wire::fields(&value)?;
        let request = Self {
            code: Code(wire::bytes(code)?),
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            key: wire::bytes(key)?,
            recipient: wire::text(recipient, 128)?,
            name: wire::text(name, 200)?,
            version: wire::text(version, 64)?,
        };
        let key = PublicKey::from_bytes(&request.key).ok_or(Malformed)?;
        if signed.is_by(REQUEST_TAG, key) {
            Ok(request)
        } else {
            Err(Malformed)
        }
    }
}

/// What the hub answers; the appliance keeps it and believes no other key from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The hub's tenant.
    pub hub_tenant: Id,
    /// Its name.
    pub tenant_name: String,
    /// The appliance that asked.
    pub appliance: Id,
    /// The hub's public key.
    pub hub_key: [u8; 32],
    /// Whom courier files are sealed to: an age recipient (`age1…`).
    pub hub_recipient: String,
    /// The hub's clock, Unix milliseconds.
    pub at_ms: i64,
}

impl Answer {
    /// The message that is signed with the key that it names.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        let message = Value::map([
            (1, Value::Bytes(&self.hub_tenant)),
            (2, Value::Text(&self.tenant_name)),
            (3, Value::Bytes(&self.appliance)),
            (4, Value::Bytes(&self.hub_key)),
            (5, Value::Text(&self.hub_recipient)),
            (6, Value::Int(self.at_ms)),
        ]);
        Signed::new(ANSWER_TAG, message.encode(), key)
    }

    /// The answer, if it is signed with the key that it names and meant for this appliance.
    ///
    /// # Errors
    /// When it is not.
    pub fn open(signed: &Signed, appliance: &Id) -> Result<Self, Malformed> {
        let value = wire::value(&signed.message)?;
        let [hub_tenant, name, whom, key, recipient, at_ms] = wire::fields(&value)?;
        let answer = Self {
            hub_tenant: wire::bytes(hub_tenant)?,
            tenant_name: wire::text(name, 200)?,
            appliance: wire::bytes(whom)?,
            hub_key: wire::bytes(key)?,
            hub_recipient: wire::text(recipient, 128)?,
            at_ms: wire::number(at_ms)?,
        };
        let key = PublicKey::from_bytes(&answer.hub_key).ok_or(Malformed)?;
        if signed.is_by(ANSWER_TAG, key) && answer.appliance == *appliance {
            Ok(answer)
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code([
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
        ]);
        let text = code.text();
        assert_eq!(text.len(), 31);
        assert_eq!(Code::parse(&text), Some(code));
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o");
        assert_eq!(Code::parse(&sloppy), Some(code));
        assert_eq!(Code::parse(&text[1..]), None);
        assert_eq!(Code::parse(&format!("{text}0")), None);
        // 26 letters hold 130 bits; more than 128 are no code.
        assert_eq!(Code::parse(&"Z".repeat(26)), None);
        assert_eq!(Code::parse(&text.replace('0', "U")), None);
    }

    #[test]
    fn both_sides_show_that_they_hold_their_keys() {
        let (ours, hubs) = (
            SigningKey::from_seed(&[1; 32]),
            SigningKey::from_seed(&[2; 32]),
        );
        let request = Request {
            code: Code([5; 16]),
            tenant: [1; 16],
            appliance: [2; 16],
            key: ours.public().to_bytes(),
            recipient: "age1x".to_owned(),
            name: "مصفاة ٤".to_owned(),
            version: "0.1.0".to_owned(),
        };
        assert_eq!(Request::open(&request.sign(&ours)), Ok(request.clone()));
        assert_eq!(Request::open(&request.sign(&hubs)), Err(Malformed));
        let answer = Answer {
            hub_tenant: [3; 16],
            tenant_name: "Aramco".to_owned(),
            appliance: [2; 16],
            hub_key: hubs.public().to_bytes(),
            hub_recipient: "age1y".to_owned(),
            at_ms: 7,
        };
        let signed = answer.sign(&hubs);
        assert_eq!(Answer::open(&signed, &[2; 16]), Ok(answer.clone()));
        assert_eq!(Answer::open(&signed, &[4; 16]), Err(Malformed));
        assert_eq!(Answer::open(&answer.sign(&ours), &[2; 16]), Err(Malformed));
    }
}
