//! The one origin a client talks to, and how targets below it are written.

use iq_domain::{CodedError, ErrorKind};
use url::{Host, Url};

/// Scheme, host and port, with the path everything is relative to.
#[derive(Clone, Debug)]
pub struct Origin {
    base: Url,
    host: String,
    port: u16,
}

impl Origin {
    /// Takes a base address apart. User names, queries and fragments have no place in it.
    pub fn parse(base: &str, allow_plain_http: bool) -> Result<Self, CodedError> {
        let invalid = || CodedError::invalid("http.url_invalid");
        let mut base = Url::parse(base.trim()).map_err(|_| invalid())?;
        match base.scheme() {
            "https" => {}
            "http" if allow_plain_http => {}
            "http" => return Err(CodedError::invalid("http.plain_refused")),
            _ => return Err(invalid()),
        }
        let is_bare = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        let port = base.port_or_known_default().filter(|p| *p != 0);
        let (true, Some(port)) = (is_bare, port) else {
            return Err(invalid());
        };
        let host = match base.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(v4)) => checked(v4.into())?,
            Some(Host::Ipv6(v6)) => checked(v6.into())?,
            None => return Err(invalid()),
        };
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        Ok(Self { base, host, port })
    }

    /// Host name or address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the way is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The base address, ending in a slash.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// The address of a target: an absolute one must be of this origin, one with a leading slash
    /// starts at the root, all others below the base.
    pub fn target(&self, target: &str, query: &[(String, String)]) -> Result<Url, CodedError> {
        let refused = |host: &str| {
            CodedError::new(ErrorKind::Upstream, "http.origin_refused")
                .with("host", &self.host)
                .with("target", host)
        };
        let mut url = match Url::parse(target) {
            Ok(absolute) => absolute,
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                self.base.join(target).map_err(|_| refused(target))?
            }
            Err(_) => return Err(refused(target)),
        };
        let is_same = url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port_or_known_default() == Some(self.port);
        if !is_same || !url.username().is_empty() || url.password().is_some() {
            return Err(refused(url.host_str().unwrap_or(target)));
        }
        url.set_fragment(None);
        if !query.is_empty() {
            let mut text = url.query().map(|q| format!("{q}&")).unwrap_or_default();
            let pairs: Vec<String> = query
                .iter()
                .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
                .collect();
            text.push_str(&pairs.join("&"));
            url.set_query(Some(&text));
        }
        Ok(url)
    }
}

fn checked(address: std::net::IpAddr) -> Result<String, CodedError> {
    if crate::is_forbidden(address) {
        return Err(CodedError::invalid("http.address_refused")
            .with("host", address)
            .with("address", address));
    }
    Ok(address.to_string())
}

/// Percent-encodes for a query. A space becomes `%20`: not every server reads `+` as one.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'.' | b'_' | b'~' | b'$' | b'*' | b',' | b'/' | b':' | b'(' | b')' | b'@'
            | b'!' | b';' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_addresses_are_taken_or_refused() {
        let code = |url: &str| Origin::parse(url, false).map_or_else(|e| e.code, |_| "ok");
        assert_eq!(code(" https://pi.plant.local/piwebapi "), "ok");
        assert_eq!(code("https://10.0.0.5:8443"), "ok");
        assert_eq!(code("http://10.0.0.5/x"), "http.plain_refused");
        assert_eq!(
            code("https://169.254.169.254/latest"),
            "http.address_refused"
        );
        assert_eq!(code("https://[fe80::1]/"), "http.address_refused");
        assert_eq!(code("https://2852039166/"), "http.address_refused");
        for bad in [
            "",
            "pi.plant.local",
            "ftp://x",
            "https://u:p@x/",
            "https://x/?q=1",
            "https://x/#f",
            "https://x:0/",
            "file:///etc/passwd",
        ] {
            assert_eq!(code(bad), "http.url_invalid", "{bad}");
        }
        assert!(Origin::parse("http://[::1]:8080/a", true).is_ok());
    }

    #[test]
    fn targets_stay_within_the_origin() {
        let origin = Origin::parse("https://pi/piwebapi", false).unwrap();
        let at = |t: &str| {
            origin
                .target(t, &[])
                .map_or_else(|e| e.code.to_owned(), String::from)
        };
        assert_eq!(at("system/userinfo"), "https://pi/piwebapi/system/userinfo");
        assert_eq!(at(""), "https://pi/piwebapi/");
        assert_eq!(at("/other"), "https://pi/other");
        assert_eq!(
            at("https://pi:443/x?y=1#z"),
            "https://pi:443/x?y=1".replace(":443", "")
        );
        for bad in [
            "https://evil/x",
            "http://pi/x",
            "https://pi:444/x",
            "//evil/x",
            "\\\\evil\\x",
            "https://pi@evil/x",
            "https://u:p@pi/x",
            "file:///x",
            "https://",
        ] {
            assert_eq!(at(bad), "http.origin_refused", "{bad}");
        }
        let query = [("$filter".to_owned(), "a gt 'x y' & b".to_owned())];
        assert_eq!(
            origin.target("q?z=1", &query).unwrap().as_str(),
            "https://pi/piwebapi/q?z=1&$filter=a%20gt%20%27x%20y%27%20%26%20b"
        );
    }
}
