//! `[log_bucket]` of `baseline.toml`.

/// The bucket that receives every account's logs, in the home Region of the account that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBucket {
    /// Its name; `None` makes one from the partition, the owning account's id and the home Region.
    pub name: Option<String>,
    /// A prefix for every log, without leading or trailing slash.
    pub prefix: Option<String>,
    /// Whether plain HTTP is denied.
    pub require_tls: bool,
    /// Days after which logs expire; `None` keeps them for ever.
    pub retention_days: Option<u32>,
    /// Whether statements of the bucket policy that this tool does not own are removed.
    pub exclusive: bool,
}
