//! How a person or the service manager ends the program.

use std::io;

/// Comes on Ctrl-C, and when the service manager asks. It listens from the call on, not only once it is
/// waited for: whoever is told that the program is ready may end it in the same moment.
///
/// # Errors
/// When the system gives no such signals.
pub fn listen_for_the_end() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let (mut interrupt, mut terminate) = {
        use tokio::signal::unix::{SignalKind, signal};
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        )
    };
    #[cfg(windows)]
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        #[cfg(windows)]
        interrupt.recv().await;
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Signals of the whole process, so one test for all of them.
    #[tokio::test]
    async fn a_signal_that_came_before_the_waiting_counts() {
        for name in ["-TERM", "-INT"] {
            let end = listen_for_the_end().unwrap();
            let this = std::process::id().to_string();
            let mut kill = std::process::Command::new("kill");
            assert!(kill.args([name, &this]).status().unwrap().success());
            end.await;
        }
    }
}
