//! The one window: a page that says "starting", then the appliance's pages and nothing else.

use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
};

use anyhow::Result;
use iq_domain::CodedError;
use iq_locale::{Language, Params};
use tauri::{
    AppHandle, Manager, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    webview::{DownloadEvent, NewWindowResponse},
};

use crate::{appliance::Said, chores::unused};

/// The window with the pages.
pub(crate) const LABEL: &str = "main";
/// A small one beside it, which says what became of something.
const NOTICE: &str = "notice";

/// The window's content.
pub(crate) struct Page {
    window: WebviewWindow,
    splash: Url,
    /// The only address the page may go to, besides the splash.
    home: Arc<RwLock<Option<Url>>>,
}

/// Opens the window on the splash page.
pub(crate) fn open(app: &AppHandle) -> Result<Page> {
    let home = Arc::new(RwLock::new(None));
    let (allowed, elsewhere) = (Arc::clone(&home), Arc::clone(&home));
    let window = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("OPTRIA IQ")
        .inner_size(1440.0, 900.0)
        .min_inner_size(390.0, 560.0)
        .initialization_script(system_language(iq_config::system_locale().as_deref()))
        .on_navigation(move |url| {
            allowed
                .read()
                .is_ok_and(|home| may_show(url, home.as_ref()))
        })
        .on_new_window(move |url, _| {
            // Public pages of the appliance, such as the API reference, go to the browser.
            let is_own = elsewhere
                .read()
                .is_ok_and(|home| may_show(&url, home.as_ref()));
            if is_own && let Err(error) = open::that_detached(url.as_str()) {
                eprintln!("The browser could not be opened: {error}");
            }
            NewWindowResponse::Deny
        })
        .on_download(|webview, event| {
            if let DownloadEvent::Requested { destination, .. } = event {
                let folder = downloads(webview.app_handle());
                if let (Ok(folder), Some(name)) = (folder, destination.file_name()) {
                    *destination = unused(&folder.join(name));
                }
            }
            true
        })
        .build()?;
    let splash = window.url()?;
    let page = Page {
        window,
        splash,
        home,
    };
    say(
        &page.window,
        &page.splash,
        &both("desktop.starting", &Params::new()),
    )?;
    Ok(page)
}

/// The language of the system, Arabic where it speaks neither of the two.
pub(crate) fn language(locale: Option<&str>) -> Language {
    locale.and_then(Language::from_tag).unwrap_or_default()
}

/// Tells the pages the language of the system: under a locale that names none (LANG=C) the web view of
/// Linux claims English, or a tag that is none, and the menu would speak another language than the pages.
fn system_language(locale: Option<&str>) -> String {
    // Elsewhere the web view asks the system itself.
    if !cfg!(target_os = "linux") {
        return String::new();
    }
    let tag = language(locale).as_str();
    format!(
        "Object.defineProperty(navigator, 'languages', {{ get: () => ['{tag}'], configurable: true }});"
    )
}

/// Where files go that a person asks for.
pub(crate) fn downloads(app: &AppHandle) -> Result<PathBuf> {
    let paths = app.path();
    // Accounts without a desktop environment have no folder for downloads.
    Ok(paths.download_dir().or_else(|_| paths.home_dir())?)
}

/// Says something beside the pages, which go on as they are.
pub(crate) fn notice(app: &AppHandle, lines: &[String; 2]) -> Result<()> {
    let window = match app.get_webview_window(NOTICE) {
        Some(window) => window,
        None => WebviewWindowBuilder::new(app, NOTICE, WebviewUrl::App("index.html".into()))
            .title("OPTRIA IQ")
            .inner_size(600.0, 380.0)
            .center()
            .on_navigation(|url| may_show(url, None))
            .on_new_window(|_, _| NewWindowResponse::Deny)
            .build()?,
    };
    // The menu is the other window's.
    window.hide_menu()?;
    say(&window, &window.url()?, lines)?;
    Ok(window.set_focus()?)
}

/// Nothing is left of the program when its pages are closed.
pub(crate) fn close_notice(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(NOTICE)
        && let Err(error) = window.close()
    {
        eprintln!("The notice could not be closed: {error}");
    }
}

/// Shows the window of the instance that runs already.
pub(crate) fn bring_to_front(app: &AppHandle) {
    let Some(window) = app.get_webview_window(LABEL) else {
        return;
    };
    for done in [window.show(), window.unminimize(), window.set_focus()] {
        if let Err(error) = done {
            eprintln!("The window could not be brought to the front: {error}");
        }
    }
}

impl Page {
    /// Goes to the appliance; from here on the page stays on its origin.
    pub(crate) fn show(&self, entry: Url) -> Result<()> {
        if let Ok(mut home) = self.home.write() {
            *home = Some(entry.clone());
        }
        Ok(self.window.navigate(entry)?)
    }

    /// Says in both languages why there is no appliance.
    pub(crate) fn show_failure(&self, error: &anyhow::Error) {
        let lines = explain(error, "desktop.not_started");
        if let Err(error) = say(&self.window, &self.splash, &lines) {
            eprintln!("The window could not show the failure: {error:#}");
        }
    }
}

/// What the appliance said, or the sentences of a coded error, else those of `otherwise` with the reason.
pub(crate) fn explain(error: &anyhow::Error, otherwise: &'static str) -> [String; 2] {
    if let Some(Said(lines)) = error.chain().find_map(|cause| cause.downcast_ref()) {
        return lines.clone();
    }
    match error
        .chain()
        .find_map(|cause| cause.downcast_ref::<CodedError>())
    {
        Some(coded) => both(coded.code, &coded.params),
        None => {
            let params = Params::from([("reason".to_owned(), format!("{error:#}"))]);
            both(otherwise, &params)
        }
    }
}

/// Puts lines on the splash page. They travel in the fragment: the page may call nothing here.
fn say(window: &WebviewWindow, splash: &Url, lines: &[String; 2]) -> Result<()> {
    let mut url = splash.clone();
    // A URL drops bare line feeds.
    let [ar, en] = lines
        .each_ref()
        .map(|line| line.replace('%', "%25").replace('\n', " "));
    url.set_fragment(Some(&format!("{ar}%0A{en}")));
    Ok(window.navigate(url)?)
}

/// The Arabic and the English sentence.
pub(crate) fn both(key: &str, params: &Params) -> [String; 2] {
    [Language::Ar, Language::En].map(|language| iq_locale::message(language, &["ui"], key, params))
}

/// The splash, and the appliance's own origin. Anything else on this machine or elsewhere is refused.
fn may_show(url: &Url, home: Option<&Url>) -> bool {
    let is_splash = url.scheme() == "tauri" || url.host_str() == Some("tauri.localhost");
    is_splash || home.is_some_and(|home| home.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_the_language_of_the_system_or_arabic() {
        for (locale, expected) in [
            (Some("en_GB.UTF-8"), Language::En),
            (Some("ar_SA.UTF-8"), Language::Ar),
            (Some("de_DE.UTF-8"), Language::Ar),
            (Some("C"), Language::Ar),
            (Some("C.UTF-8"), Language::Ar),
            (None, Language::Ar),
        ] {
            assert_eq!(language(locale), expected, "{locale:?}");
        }
    }

    #[test]
    fn stays_on_its_own_origin() {
        let home = Url::parse("http://127.0.0.1:9000/auth/handoff?t=x").unwrap();
        let check = |url: &str, home: Option<&Url>| may_show(&Url::parse(url).unwrap(), home);
        assert!(check("tauri://localhost/index.html", None));
        assert!(check("http://127.0.0.1:9000/assets", Some(&home)));
        for url in [
            "http://127.0.0.1:9001/",
            "http://localhost:9000/",
            "https://127.0.0.1:9000/",
            "https://example.com/",
            "file:///etc/hosts",
            "data:text/html,x",
            "about:blank",
        ] {
            assert!(!check(url, Some(&home)), "{url}");
        }
        assert!(!check("http://127.0.0.1:9000/", None));
    }
}
