//! The `optria` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    iq_appliance::cli::main()
}
