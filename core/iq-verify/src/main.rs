//! `optria-verify`: the verifier as a program of its own.

fn main() -> std::process::ExitCode {
    iq_verify::run(std::env::args_os().skip(1))
}
