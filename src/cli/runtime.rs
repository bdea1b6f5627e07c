//! The runtime that a subcommand's asynchronous part runs on.

use super::error::CliError;

/// Runs a subcommand's asynchronous part.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let result = runtime.block_on(future);
    // Whatever was left behind, a question nobody answers or a call nobody waits for, is not waited for here either.
    runtime.shutdown_background();
    result
}
