//! Checks an evidence file anywhere, with no database, no network and no part of the appliance. The
//! checks are in iq-evidence; this reads the files and says the answer, for `optria-verify` and for
//! `optria verify`.

mod words;

use std::{ffi::OsString, fs::File, io::Read, path::PathBuf, process::ExitCode};

use iq_evidence::{TrustStore, bundle::MAX_FILE, verify};
use iq_locale::Language;

/// Wrong call, as in sysexits.h; the codes of verdicts are 0 to 5.
const USAGE: u8 = 64;
/// A file can't be read.
const NO_INPUT: u8 = 66;
/// A list of keys is no larger than this.
const MAX_TRUST: u64 = 1 << 20;

struct Call {
    file: PathBuf,
    trust: Option<PathBuf>,
    is_json: bool,
    /// Both when none was asked for: whoever gets a file need not read what its maker reads.
    languages: Vec<Language>,
}

/// Runs with the arguments after the program's name.
#[must_use]
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(call) = parse(arguments) else {
        for language in [Language::Ar, Language::En] {
            eprintln!("{}\n", words::usage(language));
        }
        return ExitCode::from(USAGE);
    };
    match check(&call) {
        Ok(code) => ExitCode::from(code),
        Err((code, say)) => {
            for language in &call.languages {
                eprintln!("{}", say(*language));
            }
            ExitCode::from(code)
        }
    }
}

/// File names need not be Unicode.
fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Call> {
    let (mut file, mut trust, mut is_json) = (None, None, false);
    let mut languages = vec![Language::Ar, Language::En];
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--json") => is_json = true,
            Some("--trust") => trust = Some(PathBuf::from(arguments.next()?)),
            Some("--lang") => languages = vec![Language::from_tag(arguments.next()?.to_str()?)?],
            Some(flag) if flag.starts_with("--") => return None,
            _ if file.is_some() => return None,
            _ => file = Some(PathBuf::from(argument)),
        }
    }
    Some(Call {
        file: file?,
        trust,
        is_json,
        languages,
    })
}

type Failure = (u8, Box<dyn Fn(Language) -> String>);

fn check(call: &Call) -> Result<u8, Failure> {
    let trust = match &call.trust {
        None => TrustStore::default(),
        Some(path) => trusted(path)?,
    };
    // One byte more than allowed, so that the verdict can be "too large".
    let bytes = read(&call.file, MAX_FILE as u64 + 1)?;
    let verdict = verify(&bytes, &trust);
    let text = if call.is_json {
        format!("{}\n", words::json(&verdict))
    } else {
        let file = call.file.display().to_string();
        let answers = call.languages.iter();
        let answers: Vec<_> = answers
            .map(|l| words::answer(*l, &file, &verdict))
            .collect();
        answers.join("\n")
    };
    print(&text);
    Ok(verdict.outcome().exit_code())
}

/// The exit code says the verdict even when nobody reads the text.
fn print(text: &str) {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes()).ok();
}

fn trusted(path: &PathBuf) -> Result<TrustStore, Failure> {
    let bytes = read(path, MAX_TRUST)?;
    let shown = path.display().to_string();
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        bad_trust(shown.clone(), line)
    })?;
    TrustStore::parse(&text).map_err(|error| bad_trust(shown, error.0))
}

fn bad_trust(path: String, line: usize) -> Failure {
    (
        USAGE,
        Box::new(move |language| words::bad_trust(language, &path, line)),
    )
}

fn read(path: &PathBuf, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let done = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    match done {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let path = path.display().to_string();
            let say = move |language| words::unreadable(language, &path, &error);
            Err((NO_INPUT, Box::new(say)))
        }
    }
}
