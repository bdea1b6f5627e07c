//! Aggregators, and the authorizations that let them collect.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Key, arn, invalid_parameter, limit, own, page, tags, texts, validation};
use crate::model::{AccountId, Arn, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::World;

/// Accounts per aggregator, and aggregators per account and Region (AWS Config Developer Guide, "Service Limits").
const ACCOUNTS_PER_AGGREGATOR: usize = 10_000;
const AGGREGATORS_PER_REGION: usize = 50;

/// That an account and Region may collect.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Authorization {
    pub arn: Arn,
    pub account: AccountId,
    pub region: Region,
    created: f64,
    pub tags: BTreeMap<String, String>,
}

/// An aggregator of accounts.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Aggregator {
    pub arn: Arn,
    pub name: String,
    /// `AccountAggregationSources`, as they were put.
    pub sources: Value,
    created: f64,
    updated: f64,
    pub tags: BTreeMap<String, String>,
}

/// The account and the Region that a request is about.
fn authorized(call: &Call<'_>) -> Result<(AccountId, Region), Refusal> {
    let account = call.text("AuthorizedAccountId").ok_or_else(|| super::null("authorizedAccountId"))?;
    let account = account.parse().map_err(|_| {
        validation(format!(
            "1 validation error detected: Value '{account}' at 'authorizedAccountId' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: \\d{{12}}"
        ))
    })?;
    let region = call.text("AuthorizedAwsRegion").ok_or_else(|| super::null("authorizedAwsRegion"))?;
    let region = region
        .parse::<Region>()
        .ok()
        .filter(|region| !region.is_global())
        .ok_or_else(|| invalid_parameter(format!("The region {region} is not valid.")))?;
    Ok((account, region))
}

/// Idempotent; "tags are added at creation and cannot be updated with this operation".
pub(super) fn authorize(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let (account, region) = authorized(call)?;
    let tags = tags::read(call.input.get("Tags"))?;
    let arn = arn(world, call.account(), call.region, format!("aggregation-authorization/{account}/{region}"));
    let key = (call.account(), call.region.clone(), account, region.clone());
    let authorization = world.config.authorizations.entry(key).or_insert_with(|| Authorization {
        arn,
        account,
        region,
        created: call.now,
        tags,
    });
    Ok(json!({ "AggregationAuthorization": permit(authorization) }))
}

pub(super) fn authorizations(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mine = world
        .config
        .authorizations
        .iter()
        .filter(|((owner, here, ..), _)| *owner == call.account() && here == call.region);
    let items = mine.map(|(_, authorization)| permit(authorization)).collect();
    page(call, "AggregationAuthorizations", items, limit(call)?)
}

/// Taking back what was never given is no error that the API Reference knows.
pub(super) fn revoke(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let (account, region) = authorized(call)?;
    world.config.authorizations.remove(&(call.account(), call.region.clone(), account, region));
    Ok(json!({}))
}

fn permit(authorization: &Authorization) -> Value {
    json!({
        "AggregationAuthorizationArn": authorization.arn, "AuthorizedAccountId": authorization.account,
        "AuthorizedAwsRegion": authorization.region, "CreationTime": authorization.created,
    })
}

/// The accounts and Regions of an aggregator are replaced by those that are sent.
pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("ConfigurationAggregatorName").ok_or_else(|| super::null("configurationAggregatorName"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 256 || !name.chars().all(plain) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at 'configurationAggregatorName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w\\-]+"
        )));
    }
    if call.input.get("OrganizationAggregationSource").is_some_and(|source| !source.is_null()) {
        let message = "The account is not a member of an organization.";
        return Err(Refusal::new(400, "NoAvailableOrganizationException", message));
    }
    if call.input.get("AggregatorFilters").is_some_and(|filters| !filters.is_null()) {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with AggregatorFilters");
        return Err(refusal);
    }
    let sources = check_sources(call.input.get("AccountAggregationSources"))?;
    let tags = tags::read(call.input.get("Tags"))?;
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    let aggregator = match world.config.aggregators.get(&key).cloned() {
        Some(before) => Aggregator { sources, updated: call.now, ..before },
        None if own(&world.config.aggregators, call.account(), call.region).count() >= AGGREGATORS_PER_REGION => {
            let message =
                format!("The maximum number of configuration aggregators: {AGGREGATORS_PER_REGION} is reached.");
            return Err(Refusal::new(400, "LimitExceededException", message));
        }
        None => {
            let id = world.ids.unique("", 8).to_ascii_lowercase();
            Aggregator {
                arn: arn(world, call.account(), call.region, format!("config-aggregator/config-aggregator-{id}")),
                name: name.to_owned(),
                sources,
                created: call.now,
                updated: call.now,
                tags,
            }
        }
    };
    let out = json!({ "ConfigurationAggregator": document(&aggregator) });
    world.config.aggregators.insert(key, aggregator);
    Ok(out)
}

/// One source, with accounts and either Regions or all of them.
fn check_sources(sources: Option<&Value>) -> Result<Value, Refusal> {
    let missing =
        || invalid_parameter("You must specify either AccountAggregationSources or OrganizationAggregationSource.");
    let list = sources.and_then(Value::as_array).ok_or_else(missing)?;
    let [source] = &list[..] else {
        if list.is_empty() {
            return Err(missing());
        }
        return Err(validation(
            "1 validation error detected: Value at 'accountAggregationSources' failed to satisfy constraint: Member \
             must have length less than or equal to 1",
        ));
    };
    let accounts = texts(source.get("AccountIds"));
    if accounts.is_empty() || !accounts.iter().all(|id| id.parse::<AccountId>().is_ok()) {
        return Err(validation(
            "1 validation error detected: Value at 'accountAggregationSources.1.member.accountIds' failed to satisfy \
             constraint: Member must satisfy constraint: [Member must satisfy regular expression pattern: \\d{12}]",
        ));
    }
    if accounts.len() > ACCOUNTS_PER_AGGREGATOR {
        let message = format!("An aggregator can have at most {ACCOUNTS_PER_AGGREGATOR} accounts.");
        return Err(Refusal::new(400, "LimitExceededException", message));
    }
    let regions = texts(source.get("AwsRegions"));
    let all = source.get("AllAwsRegions").and_then(Value::as_bool).unwrap_or(false);
    if all != regions.is_empty() {
        let message = "You must specify either AllAwsRegions or AwsRegions, but not both.";
        return Err(invalid_parameter(message));
    }
    if !regions.iter().all(|region| region.parse::<Region>().is_ok_and(|region| !region.is_global())) {
        return Err(invalid_parameter("One or more of the specified AwsRegions are not valid."));
    }
    Ok(json!([if all {
        json!({ "AccountIds": accounts, "AllAwsRegions": true })
    } else {
        json!({ "AccountIds": accounts, "AllAwsRegions": false, "AwsRegions": regions })
    }]))
}

pub(super) fn describe(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let names = texts(call.input.get("ConfigurationAggregatorNames"));
    let mine = || own(&world.config.aggregators, call.account(), call.region);
    let found: Vec<&Aggregator> = if names.is_empty() {
        mine().collect()
    } else {
        let find = |name: &str| mine().find(|aggregator| aggregator.name == name);
        names.into_iter().map(|name| find(name).ok_or_else(unknown)).collect::<Result<_, _>>()?
    };
    page(call, "ConfigurationAggregators", found.into_iter().map(document).collect(), limit(call)?)
}

fn document(aggregator: &Aggregator) -> Value {
    json!({
        "ConfigurationAggregatorName": aggregator.name, "ConfigurationAggregatorArn": aggregator.arn,
        "AccountAggregationSources": aggregator.sources, "CreationTime": aggregator.created,
        "LastUpdatedTime": aggregator.updated,
    })
}

/// The accounts and Regions of an aggregator: data of its own account needs no leave, other accounts' data is not had
/// without it (AWS Config Developer Guide, "Authorizing Aggregator Accounts to Collect AWS Config Configuration and
/// Compliance Data"). The words of the error are not known.
pub(super) fn sources_status(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("ConfigurationAggregatorName").ok_or_else(|| super::null("configurationAggregatorName"))?;
    let wanted = texts(call.input.get("UpdateStatus"));
    for one in &wanted {
        super::one_of(one, "updateStatus", &["FAILED", "SUCCEEDED", "OUTDATED"])?;
    }
    let aggregator =
        own(&world.config.aggregators, call.account(), call.region).find(|one| one.name == name).ok_or_else(unknown)?;
    let mut items = Vec::new();
    for source in aggregator.sources.as_array().into_iter().flatten() {
        let named: Vec<Region> = texts(source.get("AwsRegions")).iter().filter_map(|name| name.parse().ok()).collect();
        for id in texts(source.get("AccountIds")) {
            let Ok(account) = id.parse::<AccountId>() else { continue };
            let enabled =
                world.accounts.get(&account).map(|account| account.enabled.iter().cloned().collect::<Vec<_>>());
            for region in if named.is_empty() { enabled.unwrap_or_default() } else { named.clone() } {
                let leave = (account, region.clone(), call.account(), call.region.clone());
                let withheld = world.config.withheld.contains(&(account, region.clone()));
                let given =
                    !withheld && (account == call.account() || world.config.authorizations.contains_key(&leave));
                let status = if given { "SUCCEEDED" } else { "FAILED" };
                if !wanted.is_empty() && !wanted.contains(&status) {
                    continue;
                }
                let mut item = json!({
                    "SourceId": id, "SourceType": "ACCOUNT", "AwsRegion": region, "LastUpdateStatus": status,
                    "LastUpdateTime": call.now,
                });
                if !given {
                    item["LastErrorCode"] = json!("NotAuthorized");
                    item["LastErrorMessage"] = json!("The source account has not authorized the aggregator account.");
                }
                items.push(item);
            }
        }
    }
    page(call, "AggregatedSourceStatusList", items, limit(call)?)
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let name = call.text("ConfigurationAggregatorName").unwrap_or_default();
    let key: Key = (call.account(), call.region.clone(), name.to_owned());
    world.config.aggregators.remove(&key).map(|_| json!({})).ok_or_else(unknown)
}

fn unknown() -> Refusal {
    let message = "The configuration aggregator does not exist. Check the configuration aggregator name and try again.";
    Refusal::new(400, "NoSuchConfigurationAggregatorException", message)
}
