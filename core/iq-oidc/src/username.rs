//! The user name a new person would get. It identifies nobody: issuer and subject do.

use sha2::{Digest, Sha256};

use crate::Person;

/// Longest user name.
pub const USERNAME_CHARS: usize = 64;

impl Person {
    /// The provider's name for the person, in the letters of user names.
    #[must_use]
    pub fn username(&self) -> String {
        let wanted = self.username.as_deref().unwrap_or_default();
        let is_letter = |c: &char| c.is_ascii_alphanumeric() || ".-_@+".contains(*c);
        let name: String = wanted
            .chars()
            .filter(is_letter)
            .skip_while(|c| !c.is_ascii_alphanumeric())
            .take(USERNAME_CHARS)
            .collect();
        if name.len() >= 2 {
            name
        } else {
            format!("sso-{}", self.tail())
        }
    }

    /// The same made different, where another account has it.
    #[must_use]
    pub fn other_username(&self) -> String {
        let short: String = self.username().chars().take(USERNAME_CHARS - 9).collect();
        format!("{short}-{}", self.tail())
    }

    /// Eight characters that stand for the person.
    fn tail(&self) -> String {
        let digest = Sha256::new()
            .chain_update(self.issuer.as_bytes())
            .chain_update([0])
            .chain_update(self.subject.as_bytes())
            .finalize();
        digest[..4].iter().map(|b| format!("{b:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(username: Option<&str>) -> Person {
        Person {
            issuer: "https://id.example".to_owned(),
            subject: "1".to_owned(),
            username: username.map(str::to_owned),
            name: "x".to_owned(),
            email: None,
        }
    }

    #[test]
    fn a_user_name_has_the_letters_of_user_names() {
        let check = |username: Option<&str>, expected: &str| {
            assert_eq!(person(username).username(), expected);
        };
        check(Some("sara@refinery.example"), "sara@refinery.example");
        check(Some("..sara o'neil"), "saraoneil");
        check(Some("سارة"), "sso-989b8372");
        check(None, "sso-989b8372");
        check(Some(&"a".repeat(90)), &"a".repeat(64));
    }

    #[test]
    fn a_name_that_is_taken_becomes_another_that_still_fits() {
        assert_eq!(person(Some("sara")).other_username(), "sara-989b8372");
        let long = person(Some(&"a".repeat(90))).other_username();
        assert_eq!(long.len(), USERNAME_CHARS);
    }
}
