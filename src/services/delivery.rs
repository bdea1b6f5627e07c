//! Whether the services that send logs may still write into the log bucket and use the log key, as far as other
//! people's statements tell: our own only allow, and one of theirs that denies wins over them.

use std::collections::{BTreeMap, BTreeSet};

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::senders::{CLOUDTRAIL, CONFIG, Senders};
use super::{Declared, Found, Note, Place, Reference, Service, SharedPolicy, Spec, Undelivered, kms, s3};
use crate::model::{AccountId, Address, Region, Target};
use crate::policy::{Caller, Denial, Policy, Request, denials};

/// What a request of a service that acts for itself is known to lack. It belongs to no organization, and it does not come
/// through an endpoint of anybody's network (IAM User Guide, "AWS global condition context keys": `aws:PrincipalOrgID`,
/// `aws:SourceVpce`, "Availability"); nobody's tags are on it.
const ABSENT: [&str; 6] = [
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalTag/*",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:VpcSourceIp",
];

/// The same of a request that is not about an object: the headers of objects are not on it either.
const ABSENT_BUT_OF_OBJECTS: [&str; 7] =
    [ABSENT[0], ABSENT[1], ABSENT[2], ABSENT[3], ABSENT[4], ABSENT[5], "s3:x-amz-*"];

/// How many accounts are named.
const NAMED_ACCOUNTS: usize = 3;

/// What other people's statements do to the delivery of logs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stopped {
    /// Certainly denied, with the senders whose logs do not arrive.
    pub undelivered: Vec<(Undelivered, BTreeSet<Address>)>,
    /// What cannot be told.
    pub notes: Vec<Note>,
}

/// Asks the policies of the log bucket and of the log key, as far as they were read, for everything that is declared to
/// write there: trails, delivery channels and exports of findings.
///
/// Our own statements are left out, and so are all others where the policy is declared to be ours alone: what is wrong
/// with them is drift.
pub fn stopped<'a>(declared: &Declared<'_>, found: impl IntoIterator<Item = &'a Found>) -> Stopped {
    let (bucket, key) = (s3::address(declared), kms::address(declared));
    let (mut bucket_policy, mut key_found) = (None, None);
    for found in found {
        match &found.spec {
            Spec::S3Bucket(spec) if Some(&found.address) == bucket.as_ref() => bucket_policy = Some(&spec.policy),
            Spec::KmsKey(spec) if Some(&found.address) == key.as_ref() => key_found = Some((found, &spec.policy)),
            _ => {}
        }
    }
    let key_arn = key_found.map(|(found, _)| found.arn.to_string());
    let (owns_bucket, owns_key) = (
        declared.baseline.log_bucket.as_ref().is_some_and(|bucket| bucket.exclusive),
        declared.baseline.log_key.as_ref().is_some_and(|key| key.exclusive),
    );
    let bucket_policy = bucket_policy.filter(|policy| !owns_bucket && denies(policy));
    let key_policy = key_found.map(|(_, policy)| policy).filter(|policy| !owns_key && denies(policy));
    let mut stopped = Stopped::default();
    if bucket_policy.is_none() && key_policy.is_none() {
        return stopped;
    }
    let deliveries = deliveries(declared, key_arn.as_deref());
    if let (Some(address), Some(policy)) = (bucket, bucket_policy) {
        judge(&address, "bucket policy", policy, deliveries.iter().flat_map(Delivery::to_bucket), &mut stopped);
    }
    if let (Some(address), Some(policy), Some(arn)) = (key, key_policy, key_arn) {
        judge(&address, "key policy", policy, deliveries.iter().flat_map(|one| one.to_key(&arn)), &mut stopped);
    }
    stopped
}

/// Whether somebody else's statement denies anything.
fn denies(policy: &SharedPolicy) -> bool {
    policy.document.foreign().any(|statement| statement.effect == crate::policy::Effect::Deny)
}

/// Something that is declared to deliver.
struct Delivery {
    sender: Address,
    principal: String,
    /// Below what in the bucket.
    bucket: String,
    folders: Vec<Folder>,
    /// What it asks of the bucket itself.
    about_bucket: &'static str,
    about_key: &'static [&'static str],
    context: BTreeMap<String, Vec<String>>,
    /// What only the objects' requests carry.
    headers: BTreeMap<String, Vec<String>>,
    /// Whether a key is named.
    encrypts: bool,
    encryption_context: BTreeMap<String, Vec<String>>,
}

/// One request that has to be let in.
struct Ask<'a> {
    delivery: &'a Delivery,
    action: &'static str,
    /// What it asks for; of an object, names that it may have, since they hang on the day.
    resources: Vec<String>,
    context: BTreeMap<String, Vec<String>>,
    /// Whether it asks for an object, so that it may carry more headers than are known.
    object: bool,
}

impl Delivery {
    fn ask(&self, action: &'static str, resources: Vec<String>, more: &BTreeMap<String, Vec<String>>) -> Ask<'_> {
        let context = self.context.iter().chain(more).map(|(key, values)| (key.clone(), values.clone())).collect();
        Ask { delivery: self, action, resources, context, object: action == PUT_OBJECT }
    }

    fn to_bucket(&self) -> impl Iterator<Item = Ask<'_>> {
        let about = self.ask(self.about_bucket, vec![self.bucket.clone()], &BTreeMap::new());
        let objects = self.folders.iter().map(|folder| {
            let objects = DAYS.iter().map(|day| format!("{}/{}", self.bucket, folder.object(*day)));
            self.ask(PUT_OBJECT, objects.collect(), &self.headers)
        });
        [about].into_iter().chain(objects)
    }

    fn to_key(&self, key: &str) -> impl Iterator<Item = Ask<'_>> {
        let actions = self.about_key.iter().filter(|_| self.encrypts);
        actions.map(move |action| self.ask(action, vec![key.to_owned()], &self.encryption_context))
    }
}

const PUT_OBJECT: &str = "s3:PutObject";
const ENCRYPTION_HEADER: &str = "s3:x-amz-server-side-encryption";
const KEY_HEADER: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

fn one(key: &str, value: impl Into<String>) -> (String, Vec<String>) {
    (key.to_owned(), vec![value.into()])
}

/// The headers that say how an object is encrypted. Of a key that does not exist yet only that it is named is known, and
/// where no key was set not even that.
fn encryption(with: Option<&Reference>, key_arn: Option<&str>) -> BTreeMap<String, Vec<String>> {
    let Some(reference) = with else { return BTreeMap::new() };
    let arn = match reference {
        Reference::Is(arn) => Some(arn.to_string()),
        Reference::To(_) => key_arn.map(str::to_owned),
    };
    [one(ENCRYPTION_HEADER, "aws:kms")].into_iter().chain(arn.map(|arn| one(KEY_HEADER, arn))).collect()
}

/// Everything that is declared to deliver, in the Regions that this run knows of.
fn deliveries(declared: &Declared<'_>, key_arn: Option<&str>) -> Vec<Delivery> {
    let home = std::slice::from_ref(&declared.profiles.home_region);
    let senders = Senders::new(declared);
    let mut all = Vec::new();
    for account in declared.profiles.baselined() {
        let baseline = declared.baseline.of(account);
        let own = Declared { baseline: &baseline, ..*declared };
        // Of an account that could not be entered, one Region stands for all.
        let known = declared.shared.regions.get(&account.id).map_or(home, Vec::as_slice);
        for service in [Service::Cloudtrail, Service::Config, Service::Guardduty] {
            let regions = declared.baseline.regions_of(account, service, known);
            let place = Place { account, regions: &regions };
            // Of AWS Config's many rules none delivers anything.
            let senders_of = match service {
                Service::Config => super::config::channels(&own, &place),
                _ => service.desire(&own, &place),
            };
            for desired in senders_of {
                let address = desired.address;
                match &desired.spec {
                    Spec::CloudtrailTrail(trail) => {
                        all.push(of_trail(declared, address, trail, &regions, key_arn));
                    }
                    Spec::ConfigDeliveryChannel(channel) => {
                        all.push(of_channel(declared, address, channel, key_arn));
                    }
                    Spec::GuarddutyPublishingDestination(export) => {
                        let principals = senders.guardduty_principals_of(account.id);
                        all.push(of_export(declared, address, export, &principals, key_arn));
                    }
                    _ => {}
                }
            }
        }
    }
    all
}

/// What every sender's request carries. Whether an account belongs to an organization, and thereby `aws:SourceOrgID`, is
/// not known here; nor are `aws:SourceIp` and `s3:TlsVersion`.
fn context(declared: &Declared<'_>, sender: &Address, source: String) -> BTreeMap<String, Vec<String>> {
    [
        one("aws:SourceArn", source),
        one("aws:SourceAccount", sender.target.account.to_string()),
        one("aws:SecureTransport", "true"),
        one("aws:ViaAWSService", "false"),
        one("aws:RequestedRegion", declared.profiles.home_region.as_str()),
    ]
    .into()
}

/// Days of several years, of which each has other digits: what is denied on one of them alone hangs on the day.
const DAYS: [(u16, u8, u8); 6] =
    [(2026, 12, 31), (2027, 1, 2), (2028, 10, 14), (2029, 5, 23), (2030, 7, 6), (2031, 11, 30)];

/// Where a service writes, and how it names its objects.
struct Folder {
    prefix: String,
    account: AccountId,
    /// What is written: `CloudTrail`, `CloudTrail-Digest`, `ConfigHistory`, `ConfigSnapshot`, `GuardDuty`.
    part: &'static str,
    region: Region,
    trail: String,
}

impl Folder {
    fn new(prefix: Option<&str>, account: AccountId, part: &'static str, region: &Region, trail: &str) -> Folder {
        let prefix = prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
        Folder { prefix, account, part, region: region.clone(), trail: trail.to_owned() }
    }

    /// The key of an object of that day. What is unique in its name stands for any other.
    ///
    /// CloudTrail User Guide, "CloudTrail log file examples" ("CloudTrail log file name format") and "CloudTrail digest file
    /// structure"; AWS Config Developer Guide, "Example Configuration History Delivery Notification" (month and day without
    /// a zero before them); GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon S3 buckets".
    fn object(&self, (year, month, day): (u16, u8, u8)) -> String {
        let Folder { prefix, account, part, region, trail } = self;
        let date = format!("{year}{month:02}{day:02}");
        let folder = format!("{prefix}AWSLogs/{account}/{part}/{region}");
        match *part {
            "CloudTrail" => format!(
                "{folder}/{year}/{month:02}/{day:02}/{account}_CloudTrail_{region}_{date}T0010Z_Ab3dEf5hIj7lMn9p.json.gz"
            ),
            "CloudTrail-Digest" => format!(
                "{folder}/{year}/{month:02}/{day:02}/{account}_CloudTrail-Digest_{region}_{trail}_{region}_{date}T001000Z\
                 .json.gz"
            ),
            "ConfigHistory" | "ConfigSnapshot" => format!(
                "{prefix}AWSLogs/{account}/Config/{region}/{year}/{month}/{day}/{part}/{account}_Config_{region}_{part}_\
                 {date}T001000Z_1.json.gz"
            ),
            _ => format!("{folder}/{year}/{month:02}/{day:02}/0a1b2c3d-1111-2222-3333-444455556666.jsonl.gz"),
        }
    }
}

/// CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail" and "Configure AWS KMS key policies for CloudTrail".
fn of_trail(
    declared: &Declared<'_>,
    sender: Address,
    trail: &super::cloudtrail::Trail,
    regions: &[Region],
    key_arn: Option<&str>,
) -> Delivery {
    let (partition, target) = (declared.profiles.partition, &sender.target);
    let arn = format!("arn:{partition}:cloudtrail:{}:{}:trail/{}", target.region, target.account, sender.name);
    let recorded = if trail.multi_region { regions } else { std::slice::from_ref(&target.region) };
    let mut kinds = vec!["CloudTrail"];
    kinds.extend(trail.log_file_validation.then_some("CloudTrail-Digest"));
    let folders = kinds.iter().flat_map(|kind| {
        recorded
            .iter()
            .map(|region| Folder::new(trail.s3_key_prefix.as_deref(), target.account, kind, region, &sender.name))
    });
    let mut headers = encryption(trail.kms_key.as_ref(), key_arn);
    headers.extend([acl()]);
    Delivery {
        principal: CLOUDTRAIL.to_owned(),
        bucket: format!("arn:{partition}:s3:::{}", trail.s3_bucket),
        folders: folders.collect(),
        about_bucket: "s3:GetBucketAcl",
        about_key: &["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"],
        context: context(declared, &sender, arn.clone()),
        headers,
        encrypts: trail.kms_key.is_some(),
        encryption_context: [one("kms:EncryptionContext:aws:cloudtrail:arn", arn)].into(),
        sender,
    }
}

fn acl() -> (String, Vec<String>) {
    one("s3:x-amz-acl", "bucket-owner-full-control")
}

/// AWS Config Developer Guide, "Permissions for the Amazon S3 Bucket for the AWS Config Delivery Channel" and
/// "Permissions for the KMS Key". It tries with the recorder's role first; the one that is declared is the service-linked
/// role, which cannot write to buckets ("When Using Service-Linked Roles"), so that the service decides.
fn of_channel(
    declared: &Declared<'_>,
    sender: Address,
    channel: &super::config::DeliveryChannel,
    key_arn: Option<&str>,
) -> Delivery {
    let (partition, target) = (declared.profiles.partition, &sender.target);
    let source = format!("arn:{partition}:config:{}:{}:*", target.region, target.account);
    let mut kinds = vec!["ConfigHistory"];
    kinds.extend(channel.snapshot_frequency.as_ref().map(|_| "ConfigSnapshot"));
    let folder = |kind| Folder::new(channel.s3_key_prefix.as_deref(), target.account, kind, &target.region, "");
    let folders = kinds.into_iter().map(folder).collect();
    let mut headers = encryption(channel.kms_key.as_ref(), key_arn);
    headers.extend([acl()]);
    Delivery {
        principal: CONFIG.to_owned(),
        bucket: format!("arn:{partition}:s3:::{}", channel.s3_bucket),
        folders,
        about_bucket: "s3:GetBucketAcl",
        about_key: &["kms:GenerateDataKey", "kms:Decrypt"],
        context: context(declared, &sender, source),
        headers,
        encrypts: channel.kms_key.is_some(),
        encryption_context: BTreeMap::new(),
        sender,
    }
}

/// GuardDuty User Guide, "Exporting generated GuardDuty findings to Amazon S3 buckets". Which access control list it
/// asks for is not said there.
fn of_export(
    declared: &Declared<'_>,
    sender: Address,
    export: &super::guardduty::PublishingDestination,
    principals: &[String],
    key_arn: Option<&str>,
) -> Delivery {
    let (partition, target) = (declared.profiles.partition, &sender.target);
    let source = format!("arn:{partition}:guardduty:{}:{}:detector/any", target.region, target.account);
    let regional = format!("guardduty.{}.amazonaws.com", target.region);
    let principal = principals.iter().find(|name| **name == regional).or(principals.first());
    let (bucket, prefix) = match export.destination.split_once('/') {
        Some((bucket, prefix)) => (bucket, Some(prefix)),
        None => (export.destination.as_str(), None),
    };
    Delivery {
        principal: principal.cloned().unwrap_or_default(),
        bucket: bucket.to_owned(),
        folders: vec![Folder::new(prefix, target.account, "GuardDuty", &target.region, "")],
        about_bucket: "s3:GetBucketLocation",
        about_key: &["kms:GenerateDataKey"],
        context: context(declared, &sender, source),
        headers: encryption(export.kms_key.as_ref(), key_arn),
        encrypts: export.kms_key.is_some(),
        encryption_context: BTreeMap::new(),
        sender,
    }
}

/// What one statement does.
#[derive(Default)]
struct Effects {
    /// By service and action.
    denied: BTreeMap<(String, &'static str), BTreeSet<AccountId>>,
    senders: BTreeSet<Address>,
    may_be: BTreeMap<(String, &'static str), BTreeSet<AccountId>>,
    untold: BTreeSet<String>,
}

fn judge<'a>(
    address: &Address,
    what: &str,
    policy: &SharedPolicy,
    asks: impl Iterator<Item = Ask<'a>>,
    stopped: &mut Stopped,
) {
    let foreign: Vec<_> = policy.document.foreign().cloned().collect();
    let places: Vec<usize> =
        policy.document.statements.iter().enumerate().filter(|(_, s)| !s.is_owned()).map(|(i, _)| i).collect();
    let document = Policy { statements: foreign, ..policy.document.clone() };
    let mut statements: BTreeMap<usize, (Option<String>, Effects)> = BTreeMap::new();
    let mut accounts = BTreeSet::new();
    for ask in asks {
        let account = ask.delivery.sender.target.account;
        accounts.insert(account);
        for Denial { index, sid, certain, untold } in ask.denials(&document) {
            let (_, effects) = statements.entry(index).or_insert_with(|| (sid, Effects::default()));
            let what = (ask.delivery.principal.clone(), ask.action);
            if certain {
                effects.denied.entry(what).or_default().insert(account);
                effects.senders.insert(ask.delivery.sender.clone());
            } else {
                effects.may_be.entry(what).or_default().insert(account);
                effects.untold.extend(untold);
            }
        }
    }
    for (index, (sid, effects)) in statements {
        let name = match sid {
            Some(sid) => format!("statement `{sid}`"),
            None => format!("statement {} (without a Sid)", places.get(index).map_or(index, |place| *place) + 1),
        };
        if !effects.denied.is_empty() {
            let denied = said(&effects.denied, &accounts);
            let undelivered = Undelivered {
                address: address.clone(),
                reason: format!("{name} of the {what}, which is not ours, denies {denied}: logs do not arrive"),
                hint: "change the statement so that it spares AWS's own services (\"Bool\": \
                       {\"aws:PrincipalIsAWSService\": \"false\"} in its Condition does), or remove it"
                    .to_owned(),
            };
            stopped.undelivered.push((undelivered, effects.senders));
        }
        if !effects.may_be.is_empty() {
            let untold: Vec<&str> = effects.untold.iter().map(String::as_str).collect();
            let why = match untold.as_slice() {
                [] => "its principals, resources or variables cannot be told in advance".to_owned(),
                keys => format!("that hangs on {}, which cannot be told in advance", keys.join(" and ")),
            };
            stopped.notes.push(Note {
                target: address.target.clone(),
                topic: "may-deny-delivery".to_owned(),
                text: format!("{name} of the {what} may deny {}: {why}", said(&effects.may_be, &accounts)),
            });
        }
    }
}

impl Ask<'_> {
    /// The statements that deny it, or may.
    fn denials(&self, policy: &Policy) -> Vec<Denial> {
        let principal = Caller::Service(&self.delivery.principal);
        let absent: &[&str] = if self.object { &ABSENT } else { &ABSENT_BUT_OF_OBJECTS };
        let mut all: BTreeMap<usize, (Denial, usize)> = BTreeMap::new();
        for resource in &self.resources {
            let request = Request { principal, action: self.action, resource, context: &self.context };
            for denial in denials(policy, &request, absent) {
                let certain = usize::from(denial.certain);
                let (_, count) = all.entry(denial.index).or_insert((denial, 0));
                *count += certain;
            }
        }
        let merged = all.into_values().map(|(mut denial, count)| {
            denial.certain = count == self.resources.len();
            if !denial.certain && denial.untold.is_empty() && count > 0 {
                denial.untold = vec!["the day in the names of the objects".to_owned()];
            }
            denial
        });
        merged.collect()
    }
}

/// `s3:PutObject to cloudtrail.amazonaws.com and config.amazonaws.com for every account`; what differs stands apart.
fn said(what: &BTreeMap<(String, &'static str), BTreeSet<AccountId>>, all: &BTreeSet<AccountId>) -> String {
    let mut of_service: BTreeMap<(&str, &BTreeSet<AccountId>), Vec<&str>> = BTreeMap::new();
    for ((service, action), accounts) in what {
        of_service.entry((service, accounts)).or_default().push(action);
    }
    let mut alike: BTreeMap<(&BTreeSet<AccountId>, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((service, accounts), actions) in of_service {
        alike.entry((accounts, actions)).or_default().push(service);
    }
    let parts: Vec<String> = alike
        .into_iter()
        .map(|((accounts, actions), services)| {
            let whose = if accounts == all && all.len() > 1 {
                "every account".to_owned()
            } else {
                let named: Vec<String> = accounts.iter().take(NAMED_ACCOUNTS).map(ToString::to_string).collect();
                let more = accounts.len().saturating_sub(NAMED_ACCOUNTS);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let noun = if accounts.len() == 1 { "account" } else { "accounts" };
                format!("{noun} {}{more}", named.join(", "))
            };
            format!("{} to {} for {whose}", listed(&actions), listed(&services))
        })
        .collect();
    parts.join("; ")
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A moment as it is shown: to the second, so that it stays the same from run to run.
pub(super) fn moment(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
}

/// How long a gap in a recording is shown after its end: nothing is remembered between two runs, so that whoever looks
/// once a week sees it.
const GAP_SHOWN: Duration = Duration::days(7);

/// Something that records was off for a while and is on again. `what` names it.
pub(super) fn gap(
    target: &Target,
    what: &str,
    stopped: Option<OffsetDateTime>,
    started: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Option<Note> {
    let (stopped, started) = (stopped?, started?);
    (stopped < started && now - started <= GAP_SHOWN).then(|| Note {
        target: target.clone(),
        topic: "recording-gap".to_owned(),
        text: format!("{what} was stopped and recorded nothing from {} to {}", moment(stopped), moment(started)),
    })
}

/// How much of an error's text is shown.
const LONGEST_ERROR: usize = 300;

/// An error of AWS's as it may stand in a sentence: on one line, and not without end.
pub(super) fn shown(error: &str) -> String {
    let line: String = error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = line.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(LONGEST_ERROR) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
