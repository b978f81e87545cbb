//! A few requests to programs of ours on this machine, by hand: this tool has no HTTP library.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

const WAIT: Duration = Duration::from_secs(60);

/// A program at a port, and who is signed in there.
pub(crate) struct Session {
    port: u16,
    cookie: String,
    csrf: String,
}

impl Session {
    /// Signs in with a name and a password.
    pub(crate) fn open(port: u16, username: &str, password: &str) -> Result<Self> {
        let mut session = Self {
            port,
            cookie: String::new(),
            csrf: String::new(),
        };
        let who = serde_json::json!({"username": username, "password": password});
        let (head, body) = session.send("POST", "/api/session", &who)?;
        session.cookie = header(&head, "set-cookie")
            .and_then(|cookie| cookie.split(';').next())
            .context("the sign-in gave no cookie")?
            .to_owned();
        session.csrf = body["csrf_token"]
            .as_str()
            .context("the sign-in gave no token")?
            .to_owned();
        Ok(session)
    }

    /// The cookie that carries it.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Asks for something to be done.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        Ok(self.send(method, path, body)?.1)
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result<(String, Value)> {
        let (port, body) = (self.port, body.to_string());
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), WAIT)?;
        stream.set_read_timeout(Some(WAIT))?;
        // Version 1.0: the answer ends with the connection.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n\
             Accept-Language: en\r\n\r\n{body}",
            body.len(),
            self.cookie,
            self.csrf,
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("an answer without an end of its head")?;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if !status.starts_with('2') {
            bail!("{method} {path} at port {port}: {status} {body}");
        }
        // Done, and nothing to say.
        let body = match body {
            "" => Value::Null,
            body => serde_json::from_str(body)?,
        };
        Ok((head.to_owned(), body))
    }
}

/// The head of an answer that may have no end.
pub(crate) fn head(port: u16, path: &str, cookie: &str) -> Result<String> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n"
    )?;
    let mut head = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            return Ok(head);
        }
        head += &line;
        head.push('\n');
    }
    bail!("{path} at port {port}: an answer without an end of its head")
}

/// The value of a header.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_header_whatever_its_case() {
        let head = "HTTP/1.0 200 OK\r\nSet-Cookie: a=b; Path=/\r\nx: y";
        assert_eq!(header(head, "set-cookie"), Some("a=b; Path=/"));
        assert_eq!(header(head, "etag"), None);
    }
}
