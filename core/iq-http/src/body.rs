//! Reading an answer: bounded on the wire and again after unpacking.

use std::io::Write;

use flate2::write::MultiGzDecoder;
use iq_domain::{CodedError, ErrorKind};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH};

use crate::error;

/// Collects what is unpacked and stops at the bound.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        if part.len() > self.max - self.bytes.len() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Unpacker {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Unpacker {
    fn take(&mut self, part: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(part),
            Self::Gzip(out) => out.write_all(part),
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain(out) => Ok(out.bytes),
            Self::Gzip(out) => Ok(out.finish()?.bytes),
        }
    }
}

fn too_large(host: &str, max: usize) -> CodedError {
    CodedError::new(ErrorKind::Upstream, "http.body_too_large")
        .with("host", host)
        .with("max", format!("{} MiB", max.div_ceil(1 << 20)))
}

/// Reads the whole body, at most `max` bytes packed and unpacked.
pub(crate) async fn read(
    mut response: reqwest::Response,
    host: &str,
    max: usize,
) -> Result<Vec<u8>, CodedError> {
    let header = |name| {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(|v| v.trim().to_ascii_lowercase())
    };
    let announced = header(CONTENT_LENGTH).and_then(|v| v.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max as u64) {
        return Err(too_large(host, max));
    }
    let out = Bounded {
        bytes: Vec::new(),
        max,
    };
    let mut unpacker = match header(CONTENT_ENCODING).as_deref() {
        None | Some("" | "identity") => Unpacker::Plain(out),
        Some("gzip" | "x-gzip") => Unpacker::Gzip(Box::new(MultiGzDecoder::new(out))),
        Some(other) => {
            let code = CodedError::new(ErrorKind::Upstream, "http.encoding_unknown");
            return Err(code.with("host", host).with("encoding", other));
        }
    };
    let broken = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::FileTooLarge => too_large(host, max),
        _ => CodedError::new(ErrorKind::Upstream, "http.broken").with("host", host),
    };
    let mut on_the_wire = 0_usize;
    while let Some(part) = response
        .chunk()
        .await
        .map_err(|e| error::from_reqwest(&e, host, 0))?
    {
        on_the_wire = on_the_wire.saturating_add(part.len());
        if on_the_wire > max {
            return Err(too_large(host, max));
        }
        unpacker.take(&part).map_err(broken)?;
    }
    // A gzip stream without a single byte is an empty body, which a 204 or a HEAD may announce.
    if on_the_wire == 0 {
        return Ok(Vec::new());
    }
    unpacker.finish().map_err(broken)
}
