//! The packages, and which file of the repository or the build goes where in them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use iq_release::Version;

use crate::{
    bill::Bill,
    tools::{capture, gzip, read, run},
};

/// A package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// The appliance as a service, without a window.
    Server,
    /// The same and the window; the service is there but not enabled.
    Desktop,
    /// The hub of many plants as a service, which is enabled once its settings are made.
    Hub,
}

impl Product {
    pub(crate) const ALL: [Self; 3] = [Self::Server, Self::Desktop, Self::Hub];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Server => "optria-server",
            Self::Desktop => "optria",
            Self::Hub => "optria-hub",
        }
    }

    /// The package that brings the same files; both can't be installed at once.
    pub(crate) const fn other(self) -> Option<&'static str> {
        match self {
            Self::Server => Some("optria"),
            Self::Desktop => Some("optria-server"),
            Self::Hub => None,
        }
    }

    /// What its main program, its unit, its user and its folders are called: `/usr/bin/optria`,
    /// `optria.service`, `/etc/optria/optria.toml`, `/var/lib/optria`, `/usr/share/optria`.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::Server | Self::Desktop => "optria",
            Self::Hub => "optria-hub",
        }
    }

    pub(crate) const fn summary(self) -> &'static str {
        match self {
            Self::Server => "Industrial operations platform, as a service",
            Self::Desktop => "Industrial operations platform, in a window",
            Self::Hub => "Industrial operations platform, the hub of many plants",
        }
    }

    pub(crate) const fn description(self) -> &'static str {
        match self {
            Self::Server => {
                "OPTRIA IQ reads a plant's existing systems, maps their tags to assets, and shows \
                 health, a digital twin and a Black Box. This package runs it as a service of the \
                 machine, with its pages in any browser. It needs no internet."
            }
            Self::Desktop => {
                "OPTRIA IQ reads a plant's existing systems, maps their tags to assets, and shows \
                 health, a digital twin and a Black Box. This package shows it in a window of its \
                 own, for an ordinary user; the service can be enabled beside it. It needs no \
                 internet."
            }
            Self::Hub => {
                "The hub of OPTRIA IQ keeps organisations, their people and their appliances on one \
                 Postgres, and shows headquarters what its plants sent. This package runs an \
                 instance as a service of the machine; any number of instances serve one database."
            }
        }
    }

    pub(crate) const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["optria", "optria-verify"],
            Self::Desktop => &["optria", "optria-verify", "optria-desktop"],
            Self::Hub => &["optria-hub"],
        }
    }

    /// The guides it carries, without their endings.
    const fn guides(self) -> &'static [&'static str] {
        match self {
            Self::Server | Self::Desktop => &["administrator", "environment"],
            Self::Hub => &["hub", "environment"],
        }
    }

    /// The crates whose dependencies the package carries.
    pub(crate) const fn crates(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["iq-appliance", "iq-verify"],
            Self::Desktop => &["iq-appliance", "iq-verify", "iq-desktop"],
            Self::Hub => &["iq-hub"],
        }
    }
}

/// The two kinds of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Deb,
    Rpm,
}

impl Format {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// What packages are made from.
pub(crate) struct Inputs {
    /// Top of the repository.
    pub(crate) root: PathBuf,
    /// Folder with the built programs.
    pub(crate) programs: PathBuf,
    /// Public keys that the installed program will trust.
    pub(crate) keys: Vec<PathBuf>,
    /// Version.
    pub(crate) version: Version,
    /// Seconds since 1970 that every file gets.
    pub(crate) epoch: u64,
    /// As small as it gets; else as fast as it gets, for trials.
    pub(crate) small: bool,
}

/// A folder that holds the files of a package as they will lie below `/`.
pub(crate) struct Tree<'a> {
    pub(crate) root: &'a Path,
    product: Product,
}

impl<'a> Tree<'a> {
    /// Lays out the files of a package.
    pub(crate) fn lay_out(
        root: &'a Path,
        product: Product,
        format: Format,
        inputs: &Inputs,
        bill: &Bill,
    ) -> Result<Self> {
        let tree = Self { root, product };
        for program in product.programs() {
            let to = format!("usr/bin/{program}");
            tree.copy(&inputs.programs.join(program), &to, 0o755)?;
            run(Command::new("strip")
                .arg("--strip-unneeded")
                .arg(root.join(to)))?;
        }
        let assets = inputs.root.join("installers/assets");
        let unit = match format {
            Format::Deb => "lib/systemd/system",
            Format::Rpm => "usr/lib/systemd/system",
        };
        let account = product.account();
        let service = format!("{account}.service");
        tree.copy(&assets.join(&service), &format!("{unit}/{service}"), 0o644)?;
        let settings = format!("{account}.toml");
        let to = format!("etc/{account}/{settings}");
        tree.copy(&assets.join(settings), &to, 0o640)?;
        for (number, key) in inputs.keys.iter().enumerate() {
            let to = format!("usr/share/{account}/release-keys/{}.pub", number + 1);
            tree.copy(key, &to, 0o644)?;
        }
        tree.manual(&assets)?;
        tree.completions(format)?;
        tree.documents(&inputs.root, bill)?;
        if product == Product::Desktop {
            tree.window(&inputs.root, &assets)?;
        }
        Ok(tree)
    }

    /// The manual pages: of the main program as it writes them, of the others as they were written.
    fn manual(&self, assets: &Path) -> Result<()> {
        let pages = tempfile::tempdir()?;
        run(self.main_program().arg("man").arg(pages.path()))?;
        let mut found: Vec<PathBuf> = fs::read_dir(pages.path())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        found.extend(
            self.product.programs()[1..]
                .iter()
                .map(|p| assets.join(format!("{p}.1"))),
        );
        for page in found {
            let name = page
                .file_name()
                .context("a page has no name")?
                .to_string_lossy();
            let to = format!("usr/share/man/man1/{name}.gz");
            self.write(&to, &gzip(read(&page)?.as_bytes())?, 0o644)?;
        }
        Ok(())
    }

    fn completions(&self, format: Format) -> Result<()> {
        let zsh = match format {
            Format::Deb => "usr/share/zsh/vendor-completions",
            Format::Rpm => "usr/share/zsh/site-functions",
        };
        let name = self.product.account();
        for (shell, to) in [
            (
                "bash",
                format!("usr/share/bash-completion/completions/{name}"),
            ),
            ("zsh", format!("{zsh}/_{name}")),
            (
                "fish",
                format!("usr/share/fish/vendor_completions.d/{name}.fish"),
            ),
        ] {
            let script = capture(self.main_program().args(["completions", shell]))?;
            self.write(&to, script.as_bytes(), 0o644)?;
        }
        Ok(())
    }

    /// Guides, licence, what is inside, and under which licences.
    fn documents(&self, root: &Path, bill: &Bill) -> Result<()> {
        let folder = format!("usr/share/doc/{}", self.product.name());
        let at = |name: &str| format!("{folder}/{name}");
        for guide in self.product.guides() {
            for ending in [".md", ".ar.md"] {
                let name = format!("{guide}{ending}");
                self.copy(&root.join("docs/guides").join(&name), &at(&name), 0o644)?;
            }
        }
        let copyright = read(&root.join("installers/assets/copyright"))?;
        self.write(&at("copyright"), copyright.as_bytes(), 0o644)?;
        self.copy(&root.join("LICENSE"), &at("LICENSE"), 0o644)?;
        let changes = gzip(read(&root.join("CHANGELOG.md"))?.as_bytes())?;
        self.write(&at("changelog.gz"), &changes, 0o644)?;
        self.write(&at("sbom.cdx.json"), bill.cyclone_dx()?.as_bytes(), 0o644)?;
        self.write(&at("licences.txt"), bill.list().as_bytes(), 0o644)?;
        self.write(
            &at("licence-texts.gz"),
            &gzip(bill.texts()?.as_bytes())?,
            0o644,
        )
    }

    /// What a desktop needs to show the program.
    fn window(&self, root: &Path, assets: &Path) -> Result<()> {
        let icons = root.join("src-tauri/icons");
        for (file, size) in [
            ("32x32.png", "32x32"),
            ("128x128.png", "128x128"),
            ("128x128@2x.png", "256x256"),
            ("icon.png", "512x512"),
        ] {
            let to = format!("usr/share/icons/hicolor/{size}/apps/optria-iq.png");
            self.copy(&icons.join(file), &to, 0o644)?;
        }
        let drawing = "usr/share/icons/hicolor/scalable/apps/optria-iq.svg";
        self.copy(&icons.join("icon.svg"), drawing, 0o644)?;
        for (file, folder) in [
            ("io.optria.iq.desktop", "applications"),
            ("io.optria.iq.metainfo.xml", "metainfo"),
        ] {
            self.copy(
                &assets.join(file),
                &format!("usr/share/{folder}/{file}"),
                0o644,
            )?;
        }
        Ok(())
    }

    /// Every file, relative to `/`, sorted.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(self.root)?.to_string_lossy().into_owned());
                }
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    fn main_program(&self) -> Command {
        let folder = self.root.join("usr/bin");
        Command::new(folder.join(self.product.account()))
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<()> {
        let bytes = fs::read(from).with_context(|| format!("{} is missing", from.display()))?;
        self.write(to, &bytes, mode)
    }

    /// Writes a file, whose folders anyone may enter.
    fn write(&self, to: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let path = self.root.join(to);
        let folder = path.parent().context("a file has no folder")?;
        fs::create_dir_all(folder)?;
        fs::write(&path, bytes).with_context(|| format!("{} can't be written", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let below = folder.ancestors().take_while(|f| f.starts_with(self.root));
        for folder in below {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("assets")
            .join(name)
    }

    /// Lets a tool judge a file, and says so where the machine has no such tool.
    fn judge(tool: &str, args: &[&str], file: &str) {
        let mut command = Command::new(tool);
        command.args(args).arg(asset(file));
        match command.output() {
            Ok(output) => assert!(output.status.success(), "{tool} {file}: {output:?}"),
            Err(_) => eprintln!("NOT CHECKED: `{tool}` is not installed, so {file} was not judged"),
        }
    }

    #[test]
    fn the_units_are_closed_to_at_most_2_of_10() {
        let args = ["security", "--offline=true", "--threshold=20", "--no-pager"];
        judge("systemd-analyze", &args, "optria.service");
        judge("systemd-analyze", &args, "optria-hub.service");
    }

    /// Everything that is closed for the appliance is closed for the hub.
    #[test]
    fn both_units_have_the_same_walls() {
        let walls = |file: &str| -> Vec<String> {
            let text = read(&asset(file)).unwrap();
            let from = text.find("# Everything else is closed.").unwrap();
            let to = text.find("[Install]").unwrap();
            text[from..to].lines().map(str::to_owned).collect()
        };
        let appliance = walls("optria.service");
        assert!(appliance.len() > 25, "{appliance:?}");
        assert_eq!(appliance, walls("optria-hub.service"));
    }

    /// The unit tells the program its folders, and makes them for the user that the scripts made.
    #[test]
    fn a_unit_has_the_folders_of_its_product() {
        for product in Product::ALL {
            let name = product.account();
            let unit = read(&asset(&format!("{name}.service"))).unwrap();
            for line in [
                format!("ExecStart=/usr/bin/{name} serve"),
                format!("User={name}"),
                format!("Group={name}"),
                format!("Environment=OPTRIA_CONFIG=/etc/{name}/{name}.toml"),
                format!("Environment=OPTRIA_DATA_DIR=/var/lib/{name}"),
                format!("StateDirectory={name}"),
            ] {
                assert!(unit.lines().any(|l| l == line), "{line} in {unit}");
            }
        }
    }

    #[test]
    fn the_desktop_can_read_its_files() {
        judge("desktop-file-validate", &[], "io.optria.iq.desktop");
        judge(
            "appstreamcli",
            &["validate", "--no-net"],
            "io.optria.iq.metainfo.xml",
        );
    }

    #[test]
    fn the_configuration_sets_nothing_by_itself() {
        for file in ["optria.toml", "optria-hub.toml"] {
            let text = read(&asset(file)).unwrap();
            assert!(text.lines().all(|line| line.starts_with('#')), "{text}");
        }
    }

    #[test]
    fn no_two_products_can_be_mistaken() {
        let [server, desktop, hub] = Product::ALL;
        assert_eq!(
            (server.other(), desktop.other(), hub.other()),
            (Some(desktop.name()), Some(server.name()), None)
        );
        assert_eq!(server.account(), desktop.account());
        assert_ne!(server.account(), hub.account());
        for program in server.programs() {
            assert!(desktop.programs().contains(program), "{program}");
        }
    }
}
