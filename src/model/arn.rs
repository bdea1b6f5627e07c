use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{AccountId, Partition, Region};

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    partition: Partition,
    service: String,
    region: Option<Region>,
    account: Option<AccountId>,
    resource: String,
}

/// Why a text is not an ARN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an ARN: {reason}")]
pub struct ArnError {
    text: String,
    reason: &'static str,
}

impl Arn {
    /// Builds an ARN from its parts.
    pub fn new(
        partition: Partition,
        service: &str,
        region: Option<&Region>,
        account: Option<AccountId>,
        resource: impl Into<String>,
    ) -> Self {
        Arn { partition, service: service.to_owned(), region: region.cloned(), account, resource: resource.into() }
    }

    /// The ARN of an IAM role; `name` may carry a path (`team/Role`).
    pub fn role(partition: Partition, account: AccountId, name: &str) -> Self {
        Arn::new(partition, "iam", None, Some(account), format!("role/{name}"))
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The service, such as `iam`.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The Region, where the ARN names one.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// The account, where the ARN names one.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// What follows the fifth colon, such as `role/Admin`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The last segment of a role's ARN: its name without its path. `None` when this is not a role.
    pub fn role_name(&self) -> Option<&str> {
        let path = self.resource.strip_prefix("role/")?;
        (self.service == "iam").then(|| path.rsplit('/').next().unwrap_or(path))
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| ArnError { text: text.to_owned(), reason };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else {
            return Err(wrong("six parts separated by `:` are expected"));
        };
        if arn != "arn" {
            return Err(wrong("it does not start with `arn:`"));
        }
        if service.is_empty() {
            return Err(wrong("the service is missing"));
        }
        if resource.is_empty() {
            return Err(wrong("the resource is missing"));
        }
        let region = match region {
            "" => None,
            name => match name.parse::<Region>() {
                Ok(region) if !region.is_global() => Some(region),
                _ => return Err(wrong("its fourth part is not a Region")),
            },
        };
        let account = match account {
            "" => None,
            id => Some(id.parse().map_err(|_| wrong("its fifth part is not an account id of 12 digits"))?),
        };
        Ok(Arn {
            partition: partition
                .parse()
                .map_err(|_| wrong("its second part is not a partition (aws, aws-cn, aws-us-gov, aws-eusc)"))?,
            service: service.to_owned(),
            region,
            account,
            resource: resource.to_owned(),
        })
    }
}

impl TryFrom<String> for Arn {
    type Error = ArnError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> String {
        arn.to_string()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:{}:{}:{}:{}:{}",
            self.partition,
            self.service,
            self.region.as_ref().map_or("", Region::as_str),
            self.account.as_ref().map_or("", AccountId::as_str),
            self.resource
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for text in [
            "arn:aws:iam::111111111111:role/path/Admin",
            "arn:aws-cn:s3:::bucket/key:with:colons",
            "arn:aws:cloudtrail:us-east-1:111111111111:trail/baseline",
        ] {
            assert_eq!(text.parse::<Arn>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let error = "arn:aws:iam::12:role/x".parse::<Arn>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`arn:aws:iam::12:role/x` is not an ARN: its fifth part is not an account id of 12 digits"
        );
        assert_eq!(Arn::role(Partition::Aws, "111111111111".parse().unwrap(), "a/B").role_name(), Some("B"));
    }
}
