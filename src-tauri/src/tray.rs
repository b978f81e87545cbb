//! The sign of this program among those of the system: how the appliance is, and the way back to the
//! window. Not every desktop shows such signs; nothing else depends on it.

use std::panic::{self, AssertUnwindSafe};

use anyhow::{Context, Result, anyhow};
use tauri::{
    AppHandle, Manager, Wry,
    image::Image,
    menu::{MenuBuilder, MenuItem},
    tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent},
};

use crate::{
    menu::{EXPORT_LOGS, OPEN_DATA, word},
    window,
};

pub(crate) const SHOW: &str = "show";
pub(crate) const QUIT: &str = "quit";

/// What shows such signs under Linux.
const LIBRARY: &str = "libayatana-appindicator3";

/// How the appliance of the window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    /// It runs for as long as the window is open.
    OfTheWindow,
    /// It was there before the window and will be there after it.
    OfItsOwn,
    Stopped,
}

impl State {
    const fn key(self) -> &'static str {
        match self {
            Self::Starting => "desktop.starting",
            Self::OfTheWindow => "desktop.runs_with_window",
            Self::OfItsOwn => "desktop.runs_by_itself",
            Self::Stopped => "desktop.is_stopped",
        }
    }
}

struct Tray {
    icon: TrayIcon,
    state: MenuItem<Wry>,
    running: Image<'static>,
    stopped: Image<'static>,
}

/// Puts the sign there.
pub(crate) fn attach(app: &AppHandle) -> Result<()> {
    // The crate below panics where the system lacks its library. That is no fault of this program, so
    // nothing is said of it but one sentence.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let tray = panic::catch_unwind(AssertUnwindSafe(|| build(app)));
    panic::set_hook(hook);
    app.manage(tray.unwrap_or_else(|_| Err(anyhow!("{LIBRARY} is not installed")))?);
    Ok(())
}

fn build(app: &AppHandle) -> Result<Tray> {
    let running = app.default_window_icon().context("no icon")?;
    let running = Image::new_owned(running.rgba().to_vec(), running.width(), running.height());
    let stopped = faded(&running);
    let nothing: Option<&str> = None;
    let state = MenuItem::new(app, word(State::Starting.key()), false, nothing)?;
    let menu = MenuBuilder::new(app)
        .item(&state)
        .separator()
        .text(SHOW, word("desktop.show"))
        .text(OPEN_DATA, word("desktop.open_data"))
        .text(EXPORT_LOGS, word("desktop.export_logs"))
        .separator()
        .text(QUIT, word("desktop.quit"))
        .build()?;
    let icon = TrayIconBuilder::new()
        .icon(running.clone())
        .tooltip(tooltip(State::Starting))
        .menu(&menu)
        .show_menu_on_left_click(false)
        .on_tray_icon_event(|tray, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
            {
                window::bring_to_front(tray.app_handle());
            }
        })
        .build(app)?;
    Ok(Tray {
        icon,
        state,
        running,
        stopped,
    })
}

/// Says how the appliance is now.
pub(crate) fn say(app: &AppHandle, state: State) {
    let Some(tray) = app.try_state::<Tray>() else {
        return;
    };
    let icon = match state {
        State::Stopped => &tray.stopped,
        State::Starting | State::OfTheWindow | State::OfItsOwn => &tray.running,
    };
    for done in [
        tray.state.set_text(word(state.key())),
        tray.icon.set_tooltip(Some(tooltip(state))),
        tray.icon.set_icon(Some(icon.clone())),
    ] {
        if let Err(error) = done {
            eprintln!("The state could not be shown: {error}");
        }
    }
}

fn tooltip(state: State) -> String {
    format!("OPTRIA IQ: {}", word(state.key()))
}

/// The same without colour and half transparent: what is not there is seen without reading.
fn faded(image: &Image<'_>) -> Image<'static> {
    let mut rgba = image.rgba().to_vec();
    for pixel in rgba.chunks_exact_mut(4) {
        let sum = pixel[..3].iter().map(|part| u16::from(*part)).sum::<u16>();
        let grey = u8::try_from(sum / 3).unwrap_or(u8::MAX);
        pixel[..3].fill(grey);
        pixel[3] /= 2;
    }
    Image::new_owned(rgba, image.width(), image.height())
}

#[cfg(test)]
mod tests {
    use iq_locale::Params;

    use super::*;

    #[test]
    fn every_state_has_words_of_its_own_in_both_languages() {
        let states = [
            State::Starting,
            State::OfTheWindow,
            State::OfItsOwn,
            State::Stopped,
        ];
        let keys = states.map(State::key);
        let mut seen = std::collections::BTreeSet::new();
        for key in keys.into_iter().chain(["desktop.show", "desktop.quit"]) {
            for words in window::both(key, &Params::new()) {
                assert!(words != key && seen.insert(words.clone()), "{key}: {words}");
            }
        }
    }

    #[test]
    fn what_is_stopped_has_no_colour() {
        let image = Image::new(&[200, 100, 0, 255, 0, 0, 0, 0], 2, 1);
        assert_eq!(faded(&image).rgba(), [100, 100, 100, 127, 0, 0, 0, 0]);
    }
}
