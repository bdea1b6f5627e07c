//! The `baseline` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    baseline::cli::main(std::env::args_os()).leave()
}
