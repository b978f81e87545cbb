//! `optria backup`, `optria restore`, and `optria verify` of a backup.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Result, anyhow};
use clap::{Args, Parser};
use iq_backup::{
    BackupError, BackupKey, DEFAULT_FOLDER, LEAST_PASSPHRASE, Opener, Request, RestoredMark, Stage,
};
use iq_config::{Config, Overrides};
use iq_domain::{Clock, CodedError, ErrorKind, WallClock};
use iq_locale::Language;
use iq_runtime::prove_backup;
use iq_secrets::SecretString;

use crate::lock::{self, Claim};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The data folder.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Where the backup goes; the folder "backups" in the data folder when absent.
    #[arg(long)]
    to: Option<PathBuf>,
    /// A file with a passphrase that opens the backup too; at least 12 letters.
    #[arg(long)]
    passphrase_file: Option<PathBuf>,
    /// Does not restore the backup to prove it.
    #[arg(long)]
    unproved: bool,
    /// Prints the key that opens the backups of this data folder, for the safe, and makes no backup.
    #[arg(long)]
    show_key: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// The data folder; made when it is not there.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    opener: OpenerArgs,
}

#[derive(Debug, Args)]
struct OpenerArgs {
    /// A file with the key, as `optria backup --show-key` printed it; the key in the data folder when
    /// absent.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// A file with the passphrase of the backup.
    #[arg(long, conflicts_with = "key_file")]
    passphrase_file: Option<PathBuf>,
}

#[derive(Debug, Parser)]
#[command(name = "optria verify", no_binary_name = true)]
struct VerifyArgs {
    file: PathBuf,
    #[arg(long, value_parser = super::language)]
    lang: Option<Language>,
    #[arg(long)]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    opener: OpenerArgs,
}

pub(super) fn backup(args: &BackupArgs, language: Language) -> Result<ExitCode> {
    let data = super::existing_data(args.data_dir.as_deref())?;
    let key_file = data.join(BackupKey::FILE);
    let is_new = !key_file.exists();
    let key = BackupKey::load_or_create(&key_file).map_err(CodedError::from)?;
    if args.show_key {
        super::print(&format!("{}\n", key.text().expose()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let passphrase = match &args.passphrase_file {
        Some(path) => Some(new_passphrase(path)?),
        None => None,
    };
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    let appliance = std::fs::read_to_string(data.join("appliance.id")).unwrap_or_default();
    let made = iq_backup::make(&Request {
        data: &data,
        into: &args.to.clone().unwrap_or_else(|| data.join(DEFAULT_FOLDER)),
        now: clock.now(),
        program: env!("CARGO_PKG_VERSION"),
        appliance: appliance.trim(),
        key: &key,
        passphrase: passphrase.as_ref(),
    })
    .map_err(CodedError::from)?;
    say(
        language,
        "backup_made",
        &[
            ("file", made.path.display().to_string()),
            ("size", made.bytes.div_ceil(1_000_000).to_string()),
        ],
    );
    if !args.unproved {
        prove(&made.path, &Opener::Key(key), &data, &clock, language)?;
    }
    if is_new {
        say(language, "backup_key_new", &[]);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(args: &RestoreArgs, language: Language) -> Result<ExitCode> {
    let data = data_dir(args.data_dir.as_deref())?;
    // A folder is only made for a backup that is there and for something to open it with.
    iq_backup::inspect(&args.file).map_err(CodedError::from)?;
    if !data.exists() {
        args.opener.read(&data)?;
    }
    let Claim::Ours(_lock) = lock::claim(&data)? else {
        return Err(CodedError::conflict("backup.running")
            .with("folder", data.display())
            .into());
    };
    let opener = args.opener.read(&data)?;
    let stage = Stage::begin(&data).map_err(CodedError::from)?;
    let unpacked = iq_backup::unpack(&args.file, &opener, stage.folder());
    let (header, manifest) = unpacked.map_err(CodedError::from)?;
    iq_backup::check(stage.folder(), &manifest).map_err(CodedError::from)?;
    let mark = RestoredMark {
        source: header.id,
        made_at: header.made_at,
        restored_at: WallClock.now(),
    };
    stage.commit(&mark, None).map_err(CodedError::from)?;
    let old = iq_backup::finish_pending(&data).map_err(CodedError::from)?;
    let facts = [
        ("folder", data.display().to_string()),
        ("made_at", header.made_at.to_string()),
        (
            "old",
            old.map_or_else(String::new, |old| old.display().to_string()),
        ),
    ];
    say(language, "backup_restored", &facts);
    Ok(ExitCode::SUCCESS)
}

/// Whether a backup is meant: the file begins like one, or is named like one, or the options are those of
/// one. A backup whose beginning is damaged is then refused as that.
pub(super) fn is_backup(arguments: &[OsString]) -> bool {
    let is_meant = arguments.iter().filter_map(|a| a.to_str()).any(|text| {
        let option = text.split('=').next().unwrap_or_default();
        text.ends_with(".backup")
            || ["--key-file", "--passphrase-file", "--data-dir"].contains(&option)
    });
    if is_meant {
        return true;
    }
    let mut begin = [0; 20];
    let first = arguments.first().map(Path::new);
    let read = first.and_then(|path| File::open(path).ok()?.read(&mut begin).ok());
    read.is_some_and(|count| iq_backup::is_backup(&begin[..count]))
}

pub(super) fn verify(arguments: Vec<OsString>, language: Language) -> Result<ExitCode> {
    let args = match VerifyArgs::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return Err(anyhow!("{error}")),
    };
    let language = args.lang.unwrap_or(language);
    let data = data_dir(args.data_dir.as_deref())?;
    iq_backup::inspect(&args.file).map_err(CodedError::from)?;
    let opener = args.opener.read(&data)?;
    // Beside the backup there may be no right to write; in a data folder there is, and room.
    let room = if data.is_dir() {
        data
    } else {
        std::env::temp_dir()
    };
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    prove(&args.file, &opener, &room, &clock, language)?;
    Ok(ExitCode::SUCCESS)
}

fn prove(
    file: &Path,
    opener: &Opener,
    room: &Path,
    clock: &Arc<dyn Clock>,
    language: Language,
) -> Result<()> {
    let proved = prove_backup(file, opener, room, clock)?;
    let rows: u64 = proved
        .manifest
        .rows
        .values()
        .flat_map(BTreeMap::values)
        .sum();
    let facts = [
        ("made_at", proved.header.made_at.to_string()),
        ("files", proved.manifest.files.len().to_string()),
        ("rows", rows.to_string()),
        ("samples", proved.samples.to_string()),
    ];
    say(language, "backup_proved", &facts);
    Ok(())
}

fn data_dir(given: Option<&Path>) -> Result<PathBuf> {
    let given = given.map(|folder| folder.display().to_string());
    Ok(Config::from_process(Overrides::new().set("OPTRIA_DATA_DIR", given))?.data_dir)
}

impl OpenerArgs {
    fn read(&self, data: &Path) -> Result<Opener> {
        if let Some(path) = &self.passphrase_file {
            return Ok(Opener::Passphrase(passphrase(path)?));
        }
        let own = data.join(BackupKey::FILE);
        let path = match &self.key_file {
            Some(path) => path,
            None if own.exists() => &own,
            None => return Err(CodedError::from(BackupError::NoKey).into()),
        };
        let key = BackupKey::load(path).map_err(CodedError::from)?;
        Ok(Opener::Key(key))
    }
}

/// The first line of a file.
fn passphrase(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path).map_err(|source| {
        CodedError::from(BackupError::File {
            path: path.display().to_string(),
            source,
        })
    })?;
    Ok(SecretString::new(text.lines().next().unwrap_or_default()))
}

fn new_passphrase(path: &Path) -> Result<SecretString> {
    let text = passphrase(path)?;
    if text.expose().chars().count() < LEAST_PASSPHRASE {
        let error = CodedError::new(ErrorKind::Invalid, "backup.passphrase_short");
        return Err(error.with("least", LEAST_PASSPHRASE).into());
    }
    Ok(text)
}

#[allow(clippy::print_stdout)]
fn say(language: Language, key: &'static str, facts: &[(&str, String)]) {
    let params: BTreeMap<String, String> = facts
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    if let Some(text) = iq_locale::plain(language, "cli", key, &params) {
        println!("{text}");
    }
}
