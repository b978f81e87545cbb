//! The `optria-hub` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    iq_hub::cli::main(std::env::args_os())
}
