//! Receipts: the hub's signed word on how far it holds which log. The appliance's cursor moves on
//! nothing else. One form answers a batch, a courier file and a QR code.

use iq_domain::cbor::Value;

use crate::{
    Id, MAX_LINES, QR_MARKS,
    sign::{KeyId, PublicKey, Signed, SigningKey},
    wire::{self, Head, Line, Malformed},
};

/// What is signed: this tag, a zero byte, the receipt.
pub const TAG: &str = "optria-receipt-v1";

/// How far the hub holds logs of one appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The tenant as the appliance's records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// The hub's key that signed.
    pub hub_key: KeyId,
    /// The hub's clock, Unix milliseconds; shown, never decided on.
    pub at_ms: i64,
    /// The last record held, by log.
    pub marks: Vec<(Line, Head)>,
}

impl Receipt {
    /// The bytes that are signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let marks = self
            .marks
            .iter()
            .map(|(line, head)| wire::mark_value(line, head));
        Value::map([
            (1, Value::Bytes(&self.tenant)),
            (2, Value::Bytes(&self.appliance)),
            (3, Value::Bytes(&self.hub_key)),
            (4, Value::Int(self.at_ms)),
            (5, marks.collect()),
        ])
        .encode()
    }

    /// Reads them.
    ///
    /// # Errors
    /// When they are no receipt.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let value = wire::value(message)?;
        let [tenant, appliance, hub_key, at_ms, marks] = wire::fields(&value)?;
        Ok(Self {
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            hub_key: wire::bytes(hub_key)?,
            at_ms: wire::number(at_ms)?,
            marks: wire::marks(marks, MAX_LINES)?,
        })
    }

    /// Signs it; `hub_key` must be the id of this key.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        Signed::new(TAG, self.encode(), key)
    }

    /// The receipt, if the hub's key signed it for this tenant and appliance.
    #[must_use]
    pub fn open(signed: &Signed, hub: PublicKey, tenant: &Id, appliance: &Id) -> Option<Self> {
        if !signed.is_by(TAG, hub) {
            return None;
        }
        let receipt = Self::decode(&signed.message).ok()?;
        let is_ours = receipt.tenant == *tenant
            && receipt.appliance == *appliance
            && receipt.hub_key == hub.id();
        is_ours.then_some(receipt)
    }

    /// The same word in parts that each fit into a QR code.
    #[must_use]
    pub fn parts(&self) -> Vec<Self> {
        self.marks
            .chunks(QR_MARKS)
            .map(|marks| Self {
                marks: marks.to_vec(),
                ..self.clone()
            })
            .collect()
    }
}

/// The bytes of a `.oqr` file: an array of signed receipts.
#[must_use]
pub fn encode_file(receipts: &[Signed]) -> Vec<u8> {
    receipts
        .iter()
        .map(Signed::value)
        .collect::<Value>()
        .encode()
}

/// Reads a `.oqr` file, or the single receipt of a QR code.
///
/// # Errors
/// When it is neither.
pub fn decode_file(bytes: &[u8]) -> Result<Vec<Signed>, Malformed> {
    let value = wire::value(bytes)?;
    match value {
        Value::Array(_) => wire::items(&value, MAX_LINES)?
            .iter()
            .map(Signed::read)
            .collect(),
        _ => Ok(vec![Signed::read(&value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(count: u8) -> Receipt {
        Receipt {
            tenant: [1; 16],
            appliance: [2; 16],
            hub_key: SigningKey::from_seed(&[9; 32]).public().id(),
            at_ms: 1_750_000_000_000,
            marks: (0..count)
                .map(|n| {
                    let line = Line {
                        epoch: [n; 16],
                        stream: 1,
                    };
                    let head = Head {
                        seq: 9_000_000_000,
                        hash: [n; 32],
                    };
                    (line, head)
                })
                .collect(),
        }
    }

    #[test]
    fn is_the_hubs_word_to_one_appliance() {
        let key = SigningKey::from_seed(&[9; 32]);
        let signed = receipt(1).sign(&key);
        let read = Signed::decode(&signed.encode()).unwrap();
        let open = |hub: PublicKey, tenant: u8, appliance: u8| {
            Receipt::open(&read, hub, &[tenant; 16], &[appliance; 16])
        };
        assert_eq!(open(key.public(), 1, 2), Some(receipt(1)));
        assert_eq!(open(key.public(), 3, 2), None);
        assert_eq!(open(key.public(), 1, 3), None);
        let other = SigningKey::from_seed(&[8; 32]).public();
        assert_eq!(open(other, 1, 2), None);
    }

    #[test]
    fn fits_into_a_qr_code() {
        let key = SigningKey::from_seed(&[9; 32]);
        let parts = receipt(5).parts();
        assert_eq!(parts.len(), 3);
        for part in &parts {
            assert!(part.sign(&key).encode().len() < 300);
        }
        let file = encode_file(&parts.iter().map(|part| part.sign(&key)).collect::<Vec<_>>());
        assert_eq!(decode_file(&file).unwrap().len(), 3);
        assert_eq!(decode_file(&parts[0].sign(&key).encode()).unwrap().len(), 1);
        assert_eq!(decode_file(b"x"), Err(Malformed));
    }
}
