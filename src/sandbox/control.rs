//! The control endpoint: what a test or a demonstration does behind the estate's back.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cloudtrail::Trail;
use super::denials::Denial;
use super::dispatch::is_service;
use super::faults::Fault;
use super::state::state;
use super::wire::{Http, Reply};
use super::world::World;
use super::{config, events, guardduty, kms, lambda, sns, verbs};
use crate::model::{AccountId, Arn, Region};

/// Something done to the simulated cloud from outside, as somebody in an account might have done it.
///
/// docs/sandbox.md is made of these lines, and has an example of each verb: of what cannot be left out, with values of an
/// estate that the page describes. Where those will not do, a last line `Example: {…}` says what else is in it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the members are the nouns of the variant")]
pub enum Tamper {
    /// Stops a trail; without a name, every trail of the account that the Region is home to.
    StopLogging { account: AccountId, region: Region, name: Option<String> },
    /// Deletes a trail.
    ///
    /// Example: `{"name": "baseline"}`
    DeleteTrail { account: AccountId, region: Region, name: String },
    /// Makes a trail that is somebody else's; it logs, and no policy is checked.
    PutForeignTrail {
        account: AccountId,
        region: Region,
        name: String,
        bucket: String,
        #[serde(default)]
        multi_region: bool,
    },
    /// Lets everybody in by a bucket's policy: takes the conditions off the statement with this `Sid` and makes it about
    /// everyone, or, without one, adds a statement that lets everybody read its objects.
    WidenBucketPolicy { bucket: String, sid: Option<String> },
    /// Replaces a bucket's policy; without one, removes it.
    ///
    /// Example: `{"policy": {"Version": "2012-10-17", "Statement": []}}`
    PutBucketPolicy { bucket: String, policy: Option<Value> },
    /// Replaces a key's policy. The key: its ARN or its alias's ARN.
    PutKeyPolicy { key: String, policy: Value },
    /// Makes an empty bucket that belongs to the account.
    CreateBucket { bucket: String, account: AccountId, region: Region },
    /// Suspends a bucket's versioning.
    SuspendVersioning { bucket: String },
    /// Removes a bucket's block on public access.
    OpenPublicAccess { bucket: String },
    /// Disables a key. The key: its ARN or its alias's ARN.
    DisableKey { key: String },
    /// Removes a tag from a trail, a key, a bucket, a role, a detector, an event bus, a rule, a topic or something of
    /// AWS Config (by ARN); without a key, every tag.
    Untag { arn: String, key: Option<String> },
    /// Replaces a role's trust policy. The role: its name.
    ///
    /// Example: `{"role": "BaselineExecution"}`
    SetTrust { account: AccountId, role: String, policy: Value },
    /// Denies an account's callers an action (`cloudtrail:CreateTrail`, `kms:*`).
    Deny {
        account: AccountId,
        operation: String,
        #[serde(default)]
        scp: bool,
    },
    /// Lifts every denial of the account, or those of one action.
    ///
    /// Example: `{"operation": "cloudtrail:*"}`
    Permit { account: AccountId, operation: Option<String> },
    /// Enables a Region for an account.
    EnableRegion { account: AccountId, region: Region },
    /// Disables a Region for an account; its resources stay, unreachable.
    DisableRegion { account: AccountId, region: Region },
    /// Makes `AssumeRole` of a role give a session of another account.
    ///
    /// Example: `{"role": "BaselineExecution"}`
    AliasRoleTo { account: AccountId, role: String, to: AccountId },
    /// Ends every session now.
    ExpireSessions {},
    /// Makes an AWS Config rule one that a service made (`securityhub.amazonaws.com`): nobody else may change it.
    ///
    /// Example: `{"service": "securityhub.amazonaws.com"}`
    LinkConfigRule { account: AccountId, region: Region, rule: String, service: String },
    /// Makes the configuration recorder of a service (`observabilityadmin.amazonaws.com`), beside the account's own.
    ///
    /// Example: `{"service": "observabilityadmin.amazonaws.com"}`
    PutLinkedRecorder { account: AccountId, region: Region, service: String },
    /// Makes a role with a trust policy.
    CreateRole { account: AccountId, role: String, policy: Value },
    /// Deletes a role.
    DeleteRole { account: AccountId, role: String },
    /// Puts the account's detector under an administrator that it has not chosen, whose own account need not exist; makes
    /// the detector where there is none.
    PutDetectorUnder { account: AccountId, region: Region, administrator: AccountId },
    /// Takes an optional GuardDuty feature (`RDS_LOGIN_EVENTS`) away in a Region, for everybody; `unnamed` has requests
    /// for it refused with a message that does not name it.
    WithdrawFeature {
        region: Region,
        feature: String,
        #[serde(default)]
        unnamed: bool,
    },
    /// Changes the address of an account's root user.
    ///
    /// Example: `{"email": "root@example.com"}`
    SetEmail { account: AccountId, email: String },
    /// Opens a Region that this release does not know, in these accounts.
    ///
    /// Example: `{"region": "eu-north-9", "opt_in": true, "accounts": ["333333333333"]}`
    OpenRegion { region: Region, opt_in: bool, accounts: Vec<AccountId> },
    /// Takes a managed rule of AWS Config (`CLOUD_TRAIL_ENABLED`) away in a Region, for everybody.
    ///
    /// Example: `{"identifier": "CLOUD_TRAIL_ENABLED"}`
    WithdrawRule { region: Region, identifier: String },
    /// Has what AWS Config records in an account and Region come in at no aggregator, whatever leave was given.
    WithholdSource { account: AccountId, region: Region },
    /// Makes a Lambda function, with versions and aliases.
    CreateFunction {
        account: AccountId,
        region: Region,
        name: String,
        #[serde(default)]
        qualifiers: Vec<String>,
    },
    /// Invokes a function (its ARN) as a service does, under the function's policy. The service: its principal, such as
    /// `sns.amazonaws.com`; the source: the ARN of what it does so for.
    ///
    /// Example: `{"service": "sns.amazonaws.com"}`
    InvokeFunction { function: Arn, service: String, source: Arn, payload: Value },
    /// Replaces an inline policy of a role; without one, removes it.
    ///
    /// Example: `{"role": "BaselineExecution"}`
    PutRolePolicy { account: AccountId, role: String, name: String, policy: Option<Value> },
    /// Makes the first entry of the next `PutTargets` there fail with `ConcurrentModificationException`.
    ConflictPutTargets { account: AccountId, region: Region },
    /// Makes a rule on the default bus that a service manages.
    ///
    /// Example: `{"name": "AutoScalingManagedRule"}`
    PutManagedRule { account: AccountId, region: Region, name: String },
    /// Gives a key, by its ARN or its alias's, another origin, state (`Enabled`, `PendingImport` or `Unavailable`), key
    /// store or day of expiry, in days from now: what importing material and custom key stores come to.
    ///
    /// Example: `{"origin": "EXTERNAL", "state": "PendingImport"}`
    SetKeyMaterial {
        key: String,
        origin: String,
        state: Option<String>,
        valid_days: Option<u32>,
        key_store: Option<String>,
    },
    /// Has trails deliver nothing from now on, and forget that they ever did.
    ForgetDeliveries {},
    /// Lets time pass over what trails and delivery channels remember: when they were started, and last delivered.
    AgeDeliveries { minutes: u32 },
    /// Makes chosen calls slow, throttled, refused or lost, from now on.
    ///
    /// Example: `{"operation": "cloudtrail:*", "mutating": true, "nth": 3}`
    Fault(Fault),
    /// Ends every fault and forgets what it did.
    ClearFaults {},
    /// Throttles calls at the rates that AWS documents, or stops to; buckets are full again.
    AwsRates { on: bool },
    /// Suspends an account, as closing it does: nobody gets in, and its sessions are no longer worth anything.
    SuspendAccount { account: AccountId },
    /// Ends an account's suspension.
    ResumeAccount { account: AccountId },
    /// Sets a quota of an account in a Region; without a limit, AWS's own again. There are: trails (`cloudtrail`,
    /// `trails`), AWS Config rules (`config`, `rules`) and rules of each event bus (`events`, `rules`).
    ///
    /// Example: `{"resource": "trails", "limit": 1}`
    Quota { account: AccountId, region: Region, service: String, resource: Option<String>, limit: Option<usize> },
    /// Takes a service away in a Region, for everybody: its endpoint there does not exist.
    WithdrawService { region: Region, service: String },
    /// Gives a Region a service again.
    RestoreService { region: Region, service: String },
    /// Confirms subscriptions, as whoever reads the mailbox would. Their ARN or their endpoint.
    ConfirmSubscription { subscription: String },
}

/// Answers `/_sandbox/…`.
pub(super) fn answer(world: &mut World, http: &Http) -> Reply {
    match (http.method.as_str(), http.path.as_str()) {
        ("POST", "/_sandbox/tamper") => match serde_json::from_slice::<Tamper>(&http.body) {
            Ok(tamper) => match apply(world, tamper) {
                Ok(()) => Reply::json(200, &json!({ "done": true })),
                Err(message) => Reply::json(404, &json!({ "error": message })),
            },
            Err(error) => Reply::json(400, &json!({ "error": error.to_string() })),
        },
        ("POST", "/_sandbox/raise") => match serde_json::from_slice::<events::Raise>(&http.body) {
            Ok(raise) => match events::raise(world, raise) {
                Ok(outcome) => Reply::json(200, &json!(outcome)),
                Err(message) => Reply::json(409, &json!({ "error": message })),
            },
            Err(error) => Reply::json(400, &json!({ "error": error.to_string() })),
        },
        ("GET", "/_sandbox/tamper") => Reply::json(200, &verbs::tamper_schema()),
        ("GET", "/_sandbox/raise") => Reply::json(200, &verbs::raise_schema()),
        ("GET", "/_sandbox/state") => Reply::json(200, &state(world)),
        ("GET", "/_sandbox/faults") => Reply::json(200, &json!({ "faults": world.faults.list() })),
        ("GET", "/_sandbox/calls") => Reply::json(200, &world.calls.document()),
        ("POST", "/_sandbox/calls/reset") => {
            world.calls.reset();
            Reply::json(200, &json!({ "done": true }))
        }
        _ => Reply::json(
            404,
            &json!({ "error": "this simulation's control endpoint has: POST /_sandbox/tamper, POST /_sandbox/raise (GET answers what they take), GET /_sandbox/state, \
                GET /_sandbox/faults, GET /_sandbox/calls, POST /_sandbox/calls/reset" }),
        ),
    }
}

/// Does it.
pub(super) fn apply(world: &mut World, tamper: Tamper) -> Result<(), String> {
    match tamper {
        Tamper::StopLogging { account, region, name } => {
            let (mut found, moment) = (false, world.now());
            for ((owner, home, this), trail) in &mut world.cloudtrail.trails {
                if *owner == account && *home == region && name.as_ref().is_none_or(|name| name == this) {
                    trail.logging = false;
                    trail.stopped = Some(moment);
                    found = true;
                }
            }
            found.then_some(()).ok_or_else(|| format!("account {account} has no such trail in {region}"))
        }
        Tamper::DeleteTrail { account, region, name } => {
            let removed = world.cloudtrail.trails.remove(&(account, region.clone(), name.clone()));
            removed.map(drop).ok_or_else(|| format!("account {account} has no trail {name} in {region}"))
        }
        Tamper::PutForeignTrail { account, region, name, bucket, multi_region } => {
            let trail = Trail {
                arn: super::cloudtrail::arn(world, account, &region, &name),
                name: name.clone(),
                home: region.clone(),
                bucket,
                prefix: None,
                global_events: true,
                multi_region,
                validation: false,
                kms_key: None,
                logging: true,
                started: Some(world.now()),
                stopped: None,
                delivered: [].into(),
                silent: false,
                selectors: None,
                tags: [].into(),
            };
            world.cloudtrail.trails.insert((account, region, name), trail);
            Ok(())
        }
        Tamper::WidenBucketPolicy { bucket, sid } => {
            let resource = format!("arn:{}:s3:::{bucket}/*", world.partition);
            let found = bucket_of(world, &bucket)?;
            let empty = || json!({ "Version": "2012-10-17", "Statement": [] });
            let mut policy =
                found.policy.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(empty);
            let statements = &mut policy["Statement"];
            if !statements.is_array() {
                *statements = json!([statements.take()]);
            }
            if let Value::Array(statements) = statements {
                match &sid {
                    Some(sid) => {
                        let Some(statement) = statements.iter_mut().find(|s| s["Sid"] == sid.as_str()) else {
                            return Err(format!("the policy of bucket {bucket} has no statement {sid}"));
                        };
                        statement["Principal"] = json!("*");
                        if let Some(members) = statement.as_object_mut() {
                            members.remove("Condition");
                        }
                    }
                    None => statements.push(json!({
                        "Sid": "Widened", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                        "Resource": resource,
                    })),
                }
            }
            found.policy = Some(policy.to_string());
            Ok(())
        }
        Tamper::PutBucketPolicy { bucket, policy } => {
            bucket_of(world, &bucket)?.policy = policy.map(|policy| policy.to_string());
            Ok(())
        }
        Tamper::PutKeyPolicy { key, policy } => {
            key_of(world, &key)?.policy = policy.to_string();
            Ok(())
        }
        Tamper::CreateBucket { bucket, account, region } => {
            account_of(world, account)?;
            let fresh = super::s3::Bucket::new(account, region, world.now());
            world.s3.buckets.entry(bucket).or_insert(fresh);
            Ok(())
        }
        Tamper::SuspendVersioning { bucket } => {
            bucket_of(world, &bucket)?.versioning = Some("Suspended".to_owned());
            Ok(())
        }
        Tamper::OpenPublicAccess { bucket } => {
            bucket_of(world, &bucket)?.public_access = None;
            Ok(())
        }
        Tamper::DisableKey { key } => {
            key_of(world, &key)?.state = kms::KeyState::Disabled;
            Ok(())
        }
        Tamper::Untag { arn, key } => untag(world, &arn, key.as_deref()),
        Tamper::SetTrust { account, role, policy } => {
            role_of(world, account, &role)?.trust = policy.to_string();
            Ok(())
        }
        Tamper::Deny { account, operation, scp } => {
            world.denials.0.push(Denial { account, action: operation, scp });
            Ok(())
        }
        Tamper::Permit { account, operation } => {
            let lifted = |denial: &Denial| {
                denial.account == account && operation.as_ref().is_none_or(|action| *action == denial.action)
            };
            world.denials.0.retain(|denial| !lifted(denial));
            Ok(())
        }
        Tamper::EnableRegion { account, region } => {
            account_of(world, account)?.enabled.insert(region);
            Ok(())
        }
        Tamper::DisableRegion { account, region } => {
            account_of(world, account)?.enabled.remove(&region);
            Ok(())
        }
        Tamper::AliasRoleTo { account, role, to } => {
            role_of(world, account, &role)?.behind = Some(to);
            Ok(())
        }
        Tamper::ExpireSessions {} => {
            let moment = world.now();
            for credential in world.credentials.values_mut() {
                credential.expires = credential.expires.map(|expires| expires.min(moment));
            }
            Ok(())
        }
        Tamper::LinkConfigRule { account, region, rule, service } => {
            let missing = format!("account {account} has no rule {rule} in {region}");
            let found = world.config.rules.get_mut(&(account, region, rule)).ok_or(missing)?;
            found.created_by = Some(service);
            Ok(())
        }
        Tamper::PutLinkedRecorder { account, region, service } => {
            account_of(world, account)?;
            config::link_recorder(world, account, &region, &service);
            Ok(())
        }
        Tamper::CreateRole { account, role, policy } => {
            let arn = Arn::role(world.partition, account, &role);
            world.add_role(&arn, policy.to_string(), 3600);
            Ok(())
        }
        Tamper::DeleteRole { account, role } => {
            role_of(world, account, &role)?;
            account_of(world, account)?.roles.remove(&role);
            Ok(())
        }
        Tamper::PutDetectorUnder { account, region, administrator } => {
            account_of(world, account)?;
            guardduty::State::put_under(world, account, region, administrator);
            Ok(())
        }
        Tamper::WithdrawFeature { region, feature, unnamed } => world.guardduty.withdraw(region, feature, unnamed),
        Tamper::SetEmail { account, email } => {
            account_of(world, account)?.email = Some(email);
            Ok(())
        }
        Tamper::OpenRegion { region, opt_in, accounts } => {
            world.opened.insert(region.clone(), opt_in);
            for account in accounts {
                account_of(world, account)?.enabled.insert(region.clone());
            }
            Ok(())
        }
        Tamper::WithdrawRule { region, identifier } => {
            world.config.withdrawn_rules.insert((region, identifier));
            Ok(())
        }
        Tamper::WithholdSource { account, region } => {
            account_of(world, account)?;
            world.config.withheld.insert((account, region));
            Ok(())
        }
        Tamper::CreateFunction { account, region, name, qualifiers } => {
            account_of(world, account)?;
            lambda::State::put(world, account, region, name, qualifiers);
            Ok(())
        }
        Tamper::InvokeFunction { function, service, source, payload } => {
            lambda::invoke(world, &function, &service, &source, payload)
        }
        Tamper::PutRolePolicy { account, role, name, policy } => {
            let policies = &mut role_of(world, account, &role)?.inline;
            match policy {
                Some(policy) => policies.insert(name, policy.to_string()),
                None => policies.remove(&name),
            };
            Ok(())
        }
        Tamper::ConflictPutTargets { account, region } => {
            account_of(world, account)?;
            events::put_conflict(world, account, region);
            Ok(())
        }
        Tamper::PutManagedRule { account, region, name } => {
            account_of(world, account)?;
            events::put_managed_rule(world, account, &region, &name);
            Ok(())
        }
        Tamper::SetKeyMaterial { key, origin, state, valid_days, key_store } => {
            let now = world.now();
            let found = key_of(world, &key)?;
            found.state = match state.as_deref() {
                None | Some("Enabled") => kms::KeyState::Enabled,
                Some("PendingImport") => kms::KeyState::PendingImport,
                Some("Unavailable") => kms::KeyState::Unavailable,
                Some(other) => return Err(format!("{other} is not a state for this")),
            };
            if origin != "AWS_KMS" {
                found.rotation = None;
            }
            let valid_to = valid_days.map(|days| now + f64::from(days) * 86400.0);
            found.material = kms::Material { origin, valid_to, store: key_store };
            Ok(())
        }
        Tamper::ForgetDeliveries {} => {
            world.cloudtrail.forget_deliveries();
            Ok(())
        }
        Tamper::AgeDeliveries { minutes } => {
            let seconds = f64::from(minutes) * 60.0;
            world.cloudtrail.age(seconds);
            world.config.age_deliveries(seconds);
            Ok(())
        }
        Tamper::Fault(fault) => world.faults.add(fault),
        Tamper::ClearFaults {} => {
            world.faults.clear();
            Ok(())
        }
        Tamper::AwsRates { on } => {
            world.rates.switch(on);
            Ok(())
        }
        Tamper::SuspendAccount { account } => {
            account_of(world, account)?;
            world.suspended.insert(account);
            Ok(())
        }
        Tamper::ResumeAccount { account } => {
            account_of(world, account)?;
            world.suspended.remove(&account);
            Ok(())
        }
        Tamper::Quota { account, region, service, resource, limit } => {
            account_of(world, account)?;
            world.quotas.set(account, region, &service, resource.as_deref(), limit)
        }
        Tamper::WithdrawService { region, service } => {
            known_service(&service)?;
            world.withdrawn.insert((region.to_string(), service));
            Ok(())
        }
        Tamper::RestoreService { region, service } => {
            known_service(&service)?;
            world.withdrawn.remove(&(region.to_string(), service));
            Ok(())
        }
        Tamper::ConfirmSubscription { subscription } => sns::confirm_from_outside(world, &subscription),
    }
}

fn account_of(world: &mut World, account: AccountId) -> Result<&mut super::world::Account, String> {
    world.accounts.get_mut(&account).ok_or_else(|| format!("there is no account {account}"))
}

fn known_service(service: &str) -> Result<(), String> {
    if is_service(service) { Ok(()) } else { Err(format!("there is no service {service} here")) }
}

fn role_of<'a>(world: &'a mut World, account: AccountId, role: &str) -> Result<&'a mut super::world::Role, String> {
    account_of(world, account)?.roles.get_mut(role).ok_or_else(|| format!("account {account} has no role {role}"))
}

fn bucket_of<'a>(world: &'a mut World, bucket: &str) -> Result<&'a mut super::s3::Bucket, String> {
    world.s3.buckets.get_mut(bucket).ok_or_else(|| format!("there is no bucket {bucket}"))
}

fn key_of<'a>(world: &'a mut World, key: &str) -> Result<&'a mut kms::Key, String> {
    let missing = || format!("there is no key {key}: its ARN or its alias's ARN is expected");
    let arn: Arn = key.parse().map_err(|_| missing())?;
    let (Some(account), Some(region)) = (arn.account(), arn.region()) else { return Err(missing()) };
    let id = kms::resolve(world, account, region, key).map(|key| key.id.clone()).ok_or_else(missing)?;
    world.kms.keys.get_mut(&(account, region.clone(), id)).ok_or_else(missing)
}

fn untag(world: &mut World, arn: &str, key: Option<&str>) -> Result<(), String> {
    let parsed: Arn = arn.parse().map_err(|_| format!("{arn} is not an ARN"))?;
    let missing = || format!("there is no {arn}");
    let tags = match parsed.service() {
        "cloudtrail" => {
            let trail = world.cloudtrail.trails.values_mut().find(|trail| trail.arn == parsed);
            &mut trail.ok_or_else(missing)?.tags
        }
        "guardduty" => world.guardduty.tags_mut(&parsed).ok_or_else(missing)?,
        "config" => config::tags_of(&mut world.config, &parsed).ok_or_else(missing)?,
        "iam" => {
            let (Some(account), Some(role)) = (parsed.account(), parsed.role_name()) else { return Err(missing()) };
            &mut role_of(world, account, role)?.tags
        }
        "kms" => &mut key_of(world, arn)?.tags,
        "s3" => &mut bucket_of(world, parsed.resource())?.tags,
        "events" => events::tags_of(world, &parsed).ok_or_else(missing)?,
        "sns" => sns::tags_of(world, &parsed).ok_or_else(missing)?,
        _ => return Err(missing()),
    };
    tags.retain(|name, _| key.is_some_and(|key| key != name));
    Ok(())
}
