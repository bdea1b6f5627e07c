//! `[cloudtrail]` of `baseline.toml`.

use crate::model::Region;

/// How each account is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudTrail {
    /// The declared name; the multi-Region trail's physical name derives from it.
    pub name: String,
    /// One trail per Region, or one for all.
    pub mode: Mode,
    /// Whether events of global services are recorded at all.
    pub include_global_service_events: bool,
    /// Per-Region mode: the one Region whose trail records global service events.
    pub global_events_region: Region,
    /// Multi-Region mode: the trail's home Region.
    pub home_region: Region,
    /// Whether digest files are delivered.
    pub log_file_validation: bool,
    /// Which management events are recorded.
    pub management_events: ManagementEvents,
    /// Whether KMS events, which are numerous, are left out.
    pub exclude_kms_events: bool,
    /// Data events, which are billed.
    pub data_events: Vec<DataEvents>,
}

/// Where trails live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One single-Region trail in every enabled Region.
    PerRegion,
    /// One trail that covers every enabled Region.
    MultiRegion,
}

/// Which management events a trail records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManagementEvents {
    /// Reads and writes.
    All,
    /// Reads only.
    Read,
    /// Writes only.
    Write,
}

/// One kind of resource whose data events are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataEvents {
    /// The resource type: `AWS::S3::Object`, `AWS::Lambda::Function` or `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// ARNs or ARN prefixes, such as `arn:aws:s3` for every bucket.
    pub values: Vec<String>,
}
