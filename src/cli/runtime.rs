//! The runtime that a subcommand's asynchronous part runs on.

use super::error::CliError;

/// Runs a subcommand's asynchronous part.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(future)
}
