//! The hub's database address, from DATABASE_URL or put together from the PG variables.

use iq_secrets::SecretString;

/// Where the hub's Postgres is.
#[derive(Clone, Debug)]
pub struct Database {
    /// Address with user and password.
    pub url: SecretString,
    /// "DATABASE_URL" or "PGHOST".
    pub source: &'static str,
}

impl Database {
    pub(crate) fn from_parts(
        host: &str,
        port: &str,
        user: Option<&str>,
        password: Option<&SecretString>,
        database: Option<&str>,
    ) -> Self {
        let mut url = String::from("postgres://");
        if let Some(user) = user {
            push_encoded(&mut url, user);
            if let Some(password) = password {
                url.push(':');
                push_encoded(&mut url, password.expose());
            }
            url.push('@');
        }
        // A path names the folder of a socket and must not be read as the path of the address.
        if host.contains(':') && !host.starts_with('[') {
            url.push_str(&format!("[{host}]"));
        } else {
            push_encoded(&mut url, host);
        }
        url.push_str(&format!(":{port}/"));
        push_encoded(&mut url, database.or(user).unwrap_or_default());
        Self {
            url: SecretString::new(url),
            source: "PGHOST",
        }
    }
}

fn push_encoded(url: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'[' | b']' => {
                url.push(char::from(byte));
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
}
