//! Which of the two languages a person reads.

/// A language of the program. Arabic is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Arabic.
    #[default]
    Ar,
    /// English.
    En,
}

impl Language {
    /// The language of a tag such as `ar`, `ar-SA` or `en-GB`; `None` for any other.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().trim();
        if primary.eq_ignore_ascii_case("ar") {
            Some(Self::Ar)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::En)
        } else {
            None
        }
    }

    /// The best of our languages for an `Accept-Language` header, by its weights; `None` when it
    /// names neither.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for part in header.split(',').take(32) {
            let mut fields = part.split(';');
            let Some(language) = fields.next().and_then(Self::from_tag) else {
                continue;
            };
            let weight = fields
                .find_map(|f| f.trim().strip_prefix("q="))
                .map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())
                .filter(|q| *q > 0.0);
            if let Some(weight) = weight
                && best.is_none_or(|(w, _)| weight > w)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }

    /// The tag.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ar => "ar",
            Self::En => "en",
        }
    }

    /// The name of a thing in this language, else the other one's.
    #[must_use]
    pub fn name(self, names: &iq_domain::Names) -> &str {
        let (own, other) = match self {
            Self::Ar => (&names.ar, &names.en),
            Self::En => (&names.en, &names.ar),
        };
        if own.is_empty() { other } else { own }
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Ar, En};

    #[test]
    fn takes_the_heavier_of_the_two_languages() {
        let check = |header, expected| {
            assert_eq!(Language::from_accept_language(header), expected, "{header}");
        };
        check("en-GB,en;q=0.9,ar;q=0.8", Some(En));
        check("fr, ar-SA;q=0.5, en;q=0.4", Some(Ar));
        check("en;q=0, ar;q=0.1", Some(Ar));
        check("de,fr;q=0.3", None);
        check("en;q=nonsense", None);
    }
}
