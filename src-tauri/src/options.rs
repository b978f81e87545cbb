//! The command line of the window: which data folder, and which port if it has to serve itself.

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context, Result, bail};
use iq_config::{Config, Overrides};

/// What the command line may set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    data_dir: Option<PathBuf>,
    /// The port of an appliance started here; a free one when absent.
    port: Option<u16>,
}

impl Options {
    /// The folder to show: the one named, else the one the configuration says.
    pub(crate) fn data_dir(&self) -> Result<PathBuf> {
        match &self.data_dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(Config::from_process(Overrides::new())?.data_dir),
        }
    }

    /// The same for the program that finds or runs the appliance.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(dir) = &self.data_dir {
            arguments.extend(["--data-dir".into(), dir.into()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["--port".into(), port.to_string().into()]);
        }
        arguments
    }

    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let value = args
                .next()
                .with_context(|| format!("`{arg}` needs a value behind it"));
            match arg.as_str() {
                "--data-dir" => options.data_dir = Some(std::path::absolute(value?)?),
                "--port" => {
                    let value = value?;
                    let port = value
                        .parse()
                        .with_context(|| format!("`{value}` is no port"))?;
                    options.port = Some(port);
                }
                other => bail!("no option `{other}`: there are --data-dir DIR and --port N"),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options> {
        Options::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn reads_folder_and_port() {
        let expected = Options {
            data_dir: Some(PathBuf::from("/data")),
            port: Some(9000),
        };
        assert_eq!(
            parse(&["--port", "9000", "--data-dir", "/data"]).unwrap(),
            expected
        );
        assert_eq!(parse(&[]).unwrap(), Options::default());
        let passed_on = ["--data-dir", "/data", "--port", "9000"];
        assert_eq!(expected.arguments(), passed_on);
        assert!(Options::default().arguments().is_empty());
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for args in [
            &["--port"][..],
            &["--port", "70000"],
            &["--attach", "x"],
            &["file"],
        ] {
            assert!(parse(args).is_err(), "{args:?}");
        }
    }
}
