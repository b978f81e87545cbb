//! Changes from above: the tenant's profile, its users and flags, in the order of a number that only
//! grows. The same signed message travels over the network and, sealed, in a `.oqc` file.

use iq_domain::{Role, cbor::Value};

use crate::{
    Id,
    sign::{PublicKey, Signed, SigningKey},
    wire::{self, Malformed},
};

/// What is signed: this tag, a zero byte, the changes.
pub const TAG: &str = "optria-changes-v1";
/// Changes of one message.
pub const MAX_CHANGES: usize = 500;

/// Changes for one appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The tenant as the appliance's records name it.
    pub tenant: Id,
    /// The appliance.
    pub appliance: Id,
    /// They follow this number,
    pub after: u64,
    /// and reach up to this one; an appliance that stands elsewhere does not apply them.
    pub upto: u64,
    /// Whether there are more.
    pub has_more: bool,
    /// In ascending order.
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number; several appliances of a tenant see the same numbers, with gaps.
    pub rev: u64,
    /// What it says.
    pub body: Body,
}

/// What a change says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// 1: what the tenant is called.
    Profile {
        /// In English.
        name: String,
        /// In Arabic.
        name_ar: String,
    },
    /// 2: a user, as the hub wants him.
    User(User),
    /// 3: a flag is on or off.
    Flag {
        /// Its name.
        key: String,
        /// On.
        is_on: bool,
    },
    /// Of a kind this program does not know; it is passed over.
    Unknown(u32),
}

/// A user as the hub wants him. There is never a password or its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// His id, the same everywhere.
    pub id: Id,
    /// The number of the change that the hub's editor had seen; 0 for a new user.
    pub base_rev: u64,
    /// The name he signs in with.
    pub username: String,
    /// E-mail.
    pub email: Option<String>,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// May sign in.
    pub is_active: bool,
    /// Is gone; kept as a mark, never deleted.
    pub is_removed: bool,
}

impl Changes {
    /// Signed by the hub.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> Signed {
        let message = Value::map([
            (1, Value::Bytes(&self.tenant)),
            (2, Value::Bytes(&self.appliance)),
            (3, Value::count(self.after)),
            (4, Value::count(self.upto)),
            (5, Value::Bool(self.has_more)),
            (6, self.changes.iter().map(Change::value).collect()),
        ]);
        Signed::new(TAG, message.encode(), key)
    }

    /// The changes, if the hub's key signed them for this tenant and appliance.
    ///
    /// # Errors
    /// When it did not, or they are none.
    pub fn open(signed: &Signed, hub: PublicKey, whose: &Id, whom: &Id) -> Result<Self, Malformed> {
        if !signed.is_by(TAG, hub) {
            return Err(Malformed);
        }
        let value = wire::value(&signed.message)?;
        let [tenant, appliance, after, upto, has_more, changes] = wire::fields(&value)?;
        let changes = Self {
            tenant: wire::bytes(tenant)?,
            appliance: wire::bytes(appliance)?,
            after: wire::number(after)?,
            upto: wire::number(upto)?,
            has_more: wire::flag(has_more)?,
            changes: wire::items(changes, MAX_CHANGES)?
                .iter()
                .map(Change::read)
                .collect::<Result<_, _>>()?,
        };
        let revs = || changes.changes.iter().map(|change| change.rev);
        let is_ascending = revs().zip(revs().skip(1)).all(|(a, b)| a < b);
        let is_within = revs().all(|rev| changes.after < rev && rev <= changes.upto);
        let is_ours = changes.tenant == *whose && changes.appliance == *whom;
        if is_ours && is_ascending && is_within && changes.after <= changes.upto {
            Ok(changes)
        } else {
            Err(Malformed)
        }
    }
}

impl Change {
    fn value(&self) -> Value<'_> {
        let (kind, body) = match &self.body {
            Body::Profile { name, name_ar } => (
                1,
                Value::map([(1, Value::Text(name)), (2, Value::Text(name_ar))]),
            ),
            Body::User(user) => (2, user.value()),
            Body::Flag { key, is_on } => (
                3,
                Value::map([(1, Value::Text(key)), (2, Value::Bool(*is_on))]),
            ),
            Body::Unknown(kind) => (*kind, Value::Null),
        };
        Value::Array(vec![
            Value::count(self.rev),
            Value::Int(i64::from(kind)),
            body,
        ])
    }

    fn read(value: &Value<'_>) -> Result<Self, Malformed> {
        let [rev, kind, body] = value.cells().ok_or(Malformed)?;
        let body = match wire::number::<u32>(kind)? {
            1 => {
                let [name, name_ar] = wire::fields(body)?;
                Body::Profile {
                    name: wire::text(name, 200)?,
                    name_ar: wire::text(name_ar, 200)?,
                }
            }
            2 => Body::User(User::read(body)?),
            3 => {
                let [key, is_on] = wire::fields(body)?;
                Body::Flag {
                    key: wire::text(key, 64)?,
                    is_on: wire::flag(is_on)?,
                }
            }
            kind => Body::Unknown(kind),
        };
        Ok(Self {
            rev: wire::number(rev)?,
            body,
        })
    }
}

impl User {
    fn value(&self) -> Value<'_> {
        Value::map([
            (1, Value::Bytes(&self.id)),
            (2, Value::count(self.base_rev)),
            (3, Value::Text(&self.username)),
            (4, self.email.as_deref().map_or(Value::Null, Value::Text)),
            (5, Value::Text(&self.name)),
            (6, Value::Text(self.role.as_str())),
            (7, Value::Bool(self.is_active)),
            (8, Value::Bool(self.is_removed)),
        ])
    }

    fn read(value: &Value<'_>) -> Result<Self, Malformed> {
        let [id, base, username, email, name, role, is_active, is_removed] = wire::fields(value)?;
        let role = wire::text(role, 32)?;
        Ok(Self {
            id: wire::bytes(id)?,
            base_rev: wire::number(base)?,
            username: wire::text(username, 200)?,
            email: wire::optional(email, |value| wire::text(value, 254))?,
            name: wire::text(name, 200)?,
            role: Role::ALL
                .into_iter()
                .find(|known| known.as_str() == role)
                .ok_or(Malformed)?,
            is_active: wire::flag(is_active)?,
            is_removed: wire::flag(is_removed)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes() -> Changes {
        let user = User {
            id: [4; 16],
            base_rev: 0,
            username: "fatima".to_owned(),
            email: None,
            name: "فاطمة".to_owned(),
            role: Role::Engineer,
            is_active: true,
            is_removed: false,
        };
        let flag = Body::Flag {
            key: "optimisation".to_owned(),
            is_on: false,
        };
        let profile = Body::Profile {
            name: "Aramco".to_owned(),
            name_ar: "أرامكو".to_owned(),
        };
        Changes {
            tenant: [1; 16],
            appliance: [2; 16],
            after: 6,
            upto: 12,
            has_more: true,
            changes: vec![
                Change {
                    rev: 7,
                    body: Body::User(user),
                },
                Change { rev: 9, body: flag },
                Change {
                    rev: 10,
                    body: profile,
                },
                Change {
                    rev: 12,
                    body: Body::Unknown(77),
                },
            ],
        }
    }

    #[test]
    fn are_the_hubs_in_order_and_for_one_appliance() {
        let hub = SigningKey::from_seed(&[2; 32]);
        let open = |changes: &Changes, whom: u8| {
            Changes::open(&changes.sign(&hub), hub.public(), &[1; 16], &[whom; 16])
        };
        assert_eq!(open(&changes(), 2), Ok(changes()));
        assert_eq!(open(&changes(), 3), Err(Malformed));
        let mut swapped = changes();
        swapped.changes.swap(0, 1);
        assert_eq!(open(&swapped, 2), Err(Malformed));
        assert_eq!(
            open(
                &Changes {
                    after: 7,
                    ..changes()
                },
                2
            ),
            Err(Malformed)
        );
        assert_eq!(
            open(
                &Changes {
                    upto: 11,
                    ..changes()
                },
                2
            ),
            Err(Malformed)
        );
        let other = SigningKey::from_seed(&[3; 32]).public();
        let signed = changes().sign(&hub);
        assert_eq!(
            Changes::open(&signed, other, &[1; 16], &[2; 16]),
            Err(Malformed)
        );
    }
}
