//! `optria-desktop`: the appliance's pages in a window of their own. It shows the service of this machine
//! where that proves itself, or the appliance that already serves the data folder, else it starts
//! `optria` for as long as the window is open. There is no business rule here, and the page can call
//! nothing in this program: everything goes over the local HTTP API.

mod appliance;
mod chores;
mod menu;
mod options;
mod tray;
mod window;

use std::{path::PathBuf, process::ExitCode, sync::Mutex, thread};

use anyhow::Result;
use iq_domain::{CodedError, ErrorKind};
use tauri::{AppHandle, Manager, RunEvent, WindowEvent};

use crate::{
    appliance::{Appliance, Watch},
    options::Options,
    tray::State,
    window::Page,
};

/// What this program holds while it runs.
struct Held {
    options: Options,
    /// Empty until it is there, and from the moment the program ends.
    appliance: Mutex<Option<Appliance>>,
}

impl Held {
    /// The folder with the data that the window shows, or is to show once there is an appliance.
    fn data_dir(&self) -> Result<PathBuf> {
        if let Ok(appliance) = self.appliance.lock()
            && let Some(appliance) = appliance.as_ref()
        {
            return Ok(appliance.data_dir().to_owned());
        }
        self.options.data_dir()
    }

    fn take(&self) -> Option<Appliance> {
        self.appliance.lock().ok().and_then(|mut held| held.take())
    }
}

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let app = tauri::Builder::default()
        .plugin(tauri_plugin_single_instance::init(|app, _, _| {
            window::bring_to_front(app)
        }))
        .manage(Held {
            options,
            appliance: Mutex::default(),
        })
        .setup(|app| {
            // The pages are worth more than the menu.
            if let Err(error) = menu::attach(app.handle()) {
                eprintln!("There is no menu: {error:#}");
            }
            if let Err(error) = tray::attach(app.handle()) {
                eprintln!("There is no sign in the system: {error:#}");
            }
            let page = window::open(app.handle())?;
            let handle = app.handle().clone();
            // The window is there at once; a first start of the appliance may take a moment.
            thread::spawn(move || bring_up(&handle, &page));
            Ok(())
        })
        .build(tauri::generate_context!())?;
    app.run(|app, event| match event {
        RunEvent::WindowEvent {
            label,
            event: WindowEvent::Destroyed,
            ..
        } if label == window::LABEL => window::close_notice(app),
        RunEvent::Exit => {
            if let Some(appliance) = app.state::<Held>().take() {
                appliance.stop();
            }
        }
        _ => {}
    });
    Ok(())
}

fn bring_up(app: &AppHandle, page: &Page) {
    let held = app.state::<Held>();
    let opened = Appliance::open(&held.options).and_then(|(appliance, watch)| {
        page.show(appliance.entry())?;
        Ok((appliance, watch))
    });
    match opened {
        Ok((appliance, watch)) => {
            if let Ok(mut held) = held.appliance.lock() {
                *held = Some(appliance);
            }
            let Some(watch) = watch else {
                return tray::say(app, State::OfItsOwn);
            };
            tray::say(app, State::OfTheWindow);
            if let Some(error) = end(&held, watch) {
                tell(app, page, &error);
            }
        }
        Err(error) => tell(app, page, &error),
    }
}

fn tell(app: &AppHandle, page: &Page, error: &anyhow::Error) {
    eprintln!("error: {error:#}");
    tray::say(app, State::Stopped);
    page.show_failure(error);
}

/// Waits until the appliance has ended. Where it did so by itself, the reader of its pages has to know.
fn end(held: &Held, watch: Watch) -> Option<anyhow::Error> {
    watch.wait();
    // The window is about to close where there is none any more, and had it stopped.
    let appliance = held.take()?;
    let error = CodedError::new(ErrorKind::Unavailable, "desktop.stopped");
    let error = error.with("folder", appliance.data_dir().join("logs").display());
    appliance.stop();
    Some(error.into())
}
