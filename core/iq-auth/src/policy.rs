//! Which passwords may be chosen: long ones that are not everybody's. There are no composition rules
//! and no expiry; they make passwords worse.

use iq_domain::CodedError;
use iq_secrets::SecretString;

use crate::common_passwords::COMMON;

/// Fewest characters.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// From here on a password is called good.
pub const RECOMMENDED_PASSWORD_CHARS: usize = 15;
/// Most characters; more would only cost time.
pub const MAX_PASSWORD_CHARS: usize = 256;

/// Rows of a keyboard and orders everybody knows; running along one, either way, is no secret.
const RUNS: [&str; 8] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "ضصثقفغعهخحجد",
    "شسيبلاتنمكط",
];

/// Accepts a new password or says why not.
///
/// # Errors
/// `password.too_short`, `password.too_long`, `password.common`, `password.like_username`.
pub fn check_password(password: &SecretString, username: &str) -> Result<(), CodedError> {
    let text = password.expose();
    let chars = text.chars().count();
    if chars < MIN_PASSWORD_CHARS {
        return Err(CodedError::invalid("password.too_short").with("min", MIN_PASSWORD_CHARS));
    }
    if chars > MAX_PASSWORD_CHARS {
        return Err(CodedError::invalid("password.too_long").with("max", MAX_PASSWORD_CHARS));
    }
    let folded = fold(text);
    if is_like_username(&folded, username) {
        return Err(CodedError::invalid("password.like_username"));
    }
    if is_common(&folded) {
        return Err(CodedError::invalid("password.common"));
    }
    Ok(())
}

/// Lower case, without the spaces and signs people put between.
fn fold(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// The name itself or its part before the @, alone, twice, or with a few digits behind.
fn is_like_username(folded: &str, username: &str) -> bool {
    let local = username.split('@').next().unwrap_or_default();
    [username, local]
        .into_iter()
        .map(fold)
        .filter(|name| name.chars().count() >= 3)
        .any(|name| {
            let rest = folded.replace(&name, "");
            rest.len() < folded.len()
                && rest.chars().count() < 5
                && rest.chars().all(char::is_numeric)
        })
}

fn is_common(folded: &str) -> bool {
    let without_digits = folded.trim_end_matches(char::is_numeric);
    COMMON.binary_search(&folded).is_ok()
        || (folded.len() - without_digits.len() <= 8
            && COMMON.binary_search(&without_digits).is_ok())
        || repeats(folded)
        || runs(folded)
}

/// Whether a piece of up to four characters makes up the whole ("abcabcabcabc").
fn repeats(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    chars.len() <= 4 || (1..=4).any(|n| chars.iter().zip(&chars[n..]).all(|(a, b)| a == b))
}

/// Whether nearly every step goes along one of the known rows.
fn runs(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    let is_step = |pair: &[char]| {
        let (there, back) = (
            String::from_iter(pair),
            String::from_iter(pair.iter().rev()),
        );
        pair[0] == pair[1]
            || RUNS
                .iter()
                .any(|run| run.contains(&there) || run.contains(&back))
    };
    let steps = chars.windows(2).filter(|pair| is_step(pair)).count();
    steps * 5 >= chars.len().saturating_sub(1) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, expected: Result<(), &str>) {
        let found = check_password(&SecretString::from(password), "salim.harbi@aramco.com");
        assert_eq!(found.map_err(|e| e.code), expected, "{password}");
    }

    #[test]
    fn accepts_long_passwords_of_any_composition() {
        check("correct horse battery staple", Ok(()));
        check("مضخة الماء تعمل منذ الفجر", Ok(()));
        check("tq8vkzr2mwpd", Ok(()));
        check(&"صحراء واسعة ".repeat(12), Ok(()));
        check("salim likes long evening walks", Ok(()));
    }

    #[test]
    fn counts_characters_not_bytes() {
        check("مضخة الماء", Err("password.too_short"));
        check("elevenchars", Err("password.too_short"));
        check(&"z9 ".repeat(86), Err("password.too_long"));
    }

    #[test]
    fn refuses_what_everybody_tries_first() {
        for password in [
            "Password1234",
            "password12345",
            "P a s s w o r d 1 2 3 4",
            "administrator",
            "Administrator1",
            "123456789012",
            "qwertyuiop12",
            "qwertyuiopasdfghjkl",
            "1qaz2wsx3edc",
            "aaaaaaaaaaaa",
            "abcabcabcabcabc",
            "abcdefghijklmno",
            "ضصثقفغعهخحجد",
            "iloveyou1234",
            "optriaoptria",
            "-- -- -- -- --",
        ] {
            check(password, Err("password.common"));
        }
    }

    #[test]
    fn refuses_the_user_name_in_disguise() {
        check("salim.harbi@aramco.com", Err("password.like_username"));
        check("SalimHarbi2024", Err("password.like_username"));
        check("salim.harbi.salim.harbi", Err("password.like_username"));
    }

    #[test]
    fn the_list_is_sorted_folded_and_not_too_short_to_matter() {
        assert!(COMMON.is_sorted());
        for word in COMMON {
            assert_eq!(&fold(word), word);
            assert!(word.chars().count() >= MIN_PASSWORD_CHARS - 4, "{word}");
        }
    }
}
