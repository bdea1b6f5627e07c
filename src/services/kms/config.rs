//! `[log_key]` of `baseline.toml`.

/// The customer managed key that encrypts the logs, in the security account's home Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// Its alias without the `alias/` prefix.
    pub alias: String,
    /// Whether KMS rotates its material every year.
    pub rotation: bool,
    /// Whether statements of the key policy that this tool does not own are removed.
    pub exclusive: bool,
}
