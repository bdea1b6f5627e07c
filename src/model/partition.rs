use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Region;

/// A group of Regions that shares credentials, IAM and ARNs; none of them ever crosses to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Partition {
    /// The commercial Regions.
    #[default]
    #[serde(rename = "aws")]
    Aws,
    /// China.
    #[serde(rename = "aws-cn")]
    AwsCn,
    /// GovCloud (US).
    #[serde(rename = "aws-us-gov")]
    AwsUsGov,
    /// The European Sovereign Cloud.
    #[serde(rename = "aws-eusc")]
    AwsEusc,
}

/// A Region that this release knows of. Others are accepted: this list serves suggestions and the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRegion {
    /// Its name.
    pub name: &'static str,
    /// Whether an account must opt in before it can be used.
    pub opt_in: bool,
}

const fn always(name: &'static str) -> KnownRegion {
    KnownRegion { name, opt_in: false }
}

const fn opt_in(name: &'static str) -> KnownRegion {
    KnownRegion { name, opt_in: true }
}

// Source: botocore's partitions.json and endpoints.json of August 2026.
const AWS: &[KnownRegion] = &[
    opt_in("af-south-1"),
    opt_in("ap-east-1"),
    opt_in("ap-east-2"),
    always("ap-northeast-1"),
    always("ap-northeast-2"),
    always("ap-northeast-3"),
    always("ap-south-1"),
    opt_in("ap-south-2"),
    always("ap-southeast-1"),
    always("ap-southeast-2"),
    opt_in("ap-southeast-3"),
    opt_in("ap-southeast-4"),
    opt_in("ap-southeast-5"),
    opt_in("ap-southeast-6"),
    opt_in("ap-southeast-7"),
    always("ca-central-1"),
    opt_in("ca-west-1"),
    always("eu-central-1"),
    opt_in("eu-central-2"),
    always("eu-north-1"),
    opt_in("eu-south-1"),
    opt_in("eu-south-2"),
    always("eu-west-1"),
    always("eu-west-2"),
    always("eu-west-3"),
    opt_in("il-central-1"),
    opt_in("me-central-1"),
    opt_in("me-south-1"),
    opt_in("mx-central-1"),
    always("sa-east-1"),
    always("us-east-1"),
    always("us-east-2"),
    always("us-west-1"),
    always("us-west-2"),
];

const CN: &[KnownRegion] = &[always("cn-north-1"), always("cn-northwest-1")];
const GOV: &[KnownRegion] = &[always("us-gov-east-1"), always("us-gov-west-1")];
const EUSC: &[KnownRegion] = &[always("eusc-de-east-1")];

impl Partition {
    /// Every partition this tool works in.
    pub const ALL: [Partition; 4] = [Partition::Aws, Partition::AwsCn, Partition::AwsUsGov, Partition::AwsEusc];

    /// The name as ARNs carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsCn => "aws-cn",
            Partition::AwsUsGov => "aws-us-gov",
            Partition::AwsEusc => "aws-eusc",
        }
    }

    /// The Region where CloudTrail records events of global services (IAM, STS, CloudFront).
    ///
    /// For `aws` this is `us-east-1`, where those events have been recorded since 22 November 2021 (CloudTrail
    /// User Guide, "Global service events"); for the others it is the partition's home of IAM.
    pub fn global_region(self) -> Region {
        let name = match self {
            Partition::Aws => "us-east-1",
            Partition::AwsCn => "cn-north-1",
            Partition::AwsUsGov => "us-gov-west-1",
            Partition::AwsEusc => "eusc-de-east-1",
        };
        Region::from_str(name).unwrap_or_else(|_| Region::global())
    }

    /// The domain of the partition's endpoints and of `kms:ViaService`.
    pub const fn dns_suffix(self) -> &'static str {
        match self {
            Partition::Aws | Partition::AwsUsGov => "amazonaws.com",
            Partition::AwsCn => "amazonaws.com.cn",
            Partition::AwsEusc => "amazonaws.eu",
        }
    }

    /// A Region whose STS endpoint no account can switch off (IAM User Guide, "Managing STS in a Region").
    pub fn sts_region(self) -> Region {
        self.global_region()
    }

    /// The Regions of the partition that this release knows of, by name.
    pub const fn known_regions(self) -> &'static [KnownRegion] {
        match self {
            Partition::Aws => AWS,
            Partition::AwsCn => CN,
            Partition::AwsUsGov => GOV,
            Partition::AwsEusc => EUSC,
        }
    }

    /// The partition that a Region belongs to, told by its prefix; `None` for the isolated ones and for `global`.
    pub fn of_region(region: &Region) -> Option<Partition> {
        let name = region.as_str();
        if region.is_global() || name.starts_with("us-iso") || name.starts_with("eu-iso") {
            None
        } else if name.starts_with("cn-") {
            Some(Partition::AwsCn)
        } else if name.starts_with("us-gov-") {
            Some(Partition::AwsUsGov)
        } else if name.starts_with("eusc-") {
            Some(Partition::AwsEusc)
        } else {
            Some(Partition::Aws)
        }
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Partition::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not a partition: expected aws, aws-cn, aws-us-gov or aws-eusc"))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_region_parses_and_belongs_to_its_partition() {
        for partition in Partition::ALL {
            for known in partition.known_regions() {
                let region: Region = known.name.parse().unwrap();
                assert_eq!(Partition::of_region(&region), Some(partition), "{region}");
            }
            assert!(!partition.global_region().is_global());
            assert!(partition.known_regions().iter().any(|r| r.name == partition.sts_region().as_str() && !r.opt_in));
        }
    }
}
