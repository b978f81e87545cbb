//! Sessions with their CSRF tokens, and OAuth2 tokens.

use std::collections::HashMap;

use iq_domain::Timestamp;

/// A session that nobody uses ends after this.
const SESSION_MS: i64 = 30 * 60_000;
/// Sessions and tokens kept at most; the oldest leave.
const KEPT: usize = 1_000;
/// Cookie of the session.
pub(crate) const SESSION_COOKIE: &str = "SAP_SESSIONID_WHA_100";
/// Cookie the token is bound to.
pub(crate) const TOKEN_COOKIE: &str = "sap-XSRF_WHA_100";

#[derive(Debug)]
struct Session {
    token: String,
    cookie: String,
    used: Timestamp,
}

/// Everything that is handed out and asked back.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    tokens: HashMap<String, Timestamp>,
}

/// What a caller who fetched a token is told.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) token: String,
    pub(crate) cookies: [String; 2],
}

fn random() -> String {
    let mut bytes = [0_u8; 18];
    opcua::crypto::random::bytes(&mut bytes);
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Value of a cookie in a `Cookie` header.
pub(crate) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|part| {
        let (n, value) = part.trim().split_once('=')?;
        (n == name).then_some(value)
    })
}

impl Sessions {
    /// A token for the caller's session, or for a new one.
    pub(crate) fn fetch(&mut self, cookies: &str, secure: bool, now: Timestamp) -> Fetched {
        self.by_id.retain(|_, s| now.since_ms(s.used) < SESSION_MS);
        let known = cookie(cookies, SESSION_COOKIE)
            .filter(|id| self.by_id.contains_key(*id))
            .map(str::to_owned);
        if self.by_id.len() >= KEPT {
            self.by_id.clear();
        }
        let id = known.unwrap_or_else(random);
        let session = self.by_id.entry(id.clone()).or_insert_with(|| Session {
            token: random(),
            cookie: random(),
            used: now,
        });
        session.used = now;
        let secure = if secure { "; secure" } else { "" };
        Fetched {
            token: session.token.clone(),
            cookies: [
                format!("{SESSION_COOKIE}={id}; path=/; HttpOnly{secure}"),
                format!("{TOKEN_COOKIE}={}; path=/{secure}", session.cookie),
            ],
        }
    }

    /// Whether token and cookies belong to one living session.
    pub(crate) fn is_valid(&mut self, cookies: &str, token: &str, now: Timestamp) -> bool {
        let Some(session) = cookie(cookies, SESSION_COOKIE).and_then(|id| self.by_id.get_mut(id))
        else {
            return false;
        };
        let fits = crate::web::same(&session.token, token)
            && cookie(cookies, TOKEN_COOKIE) == Some(session.cookie.as_str())
            && now.since_ms(session.used) < SESSION_MS;
        if fits {
            session.used = now;
        }
        fits
    }

    /// Ends the caller's session.
    pub(crate) fn end(&mut self, cookies: &str) {
        if let Some(id) = cookie(cookies, SESSION_COOKIE) {
            self.by_id.remove(id);
        }
    }

    /// A new OAuth2 token.
    pub(crate) fn issue(&mut self, now: Timestamp, seconds: u64) -> String {
        self.tokens.retain(|_, until| *until > now);
        if self.tokens.len() >= KEPT {
            self.tokens.clear();
        }
        let token = random();
        let ms = i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX);
        self.tokens.insert(token.clone(), now.plus_ms(ms));
        token
    }

    /// Whether an OAuth2 token is valid.
    pub(crate) fn admits(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.get(token).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fetched: &Fetched) -> String {
        let pair = |c: &String| c.split(';').next().unwrap_or("").to_owned();
        fetched.cookies.each_ref().map(pair).join("; ")
    }

    #[test]
    fn a_token_needs_both_its_cookies_and_lives_half_an_hour() {
        let mut sessions = Sessions::default();
        let now = Timestamp(1_000);
        let fetched = sessions.fetch("", true, now);
        let cookies = header(&fetched);
        assert!(sessions.is_valid(&cookies, &fetched.token, now));
        assert!(!sessions.is_valid(&cookies, "other", now));
        let only = cookies.split("; ").next().unwrap();
        assert!(!sessions.is_valid(only, &fetched.token, now));
        let again = sessions.fetch(&cookies, true, now);
        assert_eq!(again.token, fetched.token);
        assert!(!sessions.is_valid(&cookies, &fetched.token, now.plus_ms(SESSION_MS)));
        sessions.end(&cookies);
        assert!(!sessions.is_valid(&cookies, &fetched.token, now));
    }

    #[test]
    fn an_oauth_token_ends() {
        let mut sessions = Sessions::default();
        let token = sessions.issue(Timestamp(0), 2);
        assert!(sessions.admits(&token, Timestamp(1_999)));
        assert!(!sessions.admits(&token, Timestamp(2_000)));
    }
}
