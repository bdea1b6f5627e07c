use aws_sdk_config as sdk;
use sdk::types::{AccountAggregationSource, AggregatedSourceStatus, AggregatedSourceStatusType};

use super::super::aggregation::authorization_name;
use super::super::section::Config;
use super::super::{Aggregator, Authorization, Source};
use super::tags;
use crate::aws::{found, send};
use crate::config::Overridable;
use crate::model::{AccountId, Address, Arn, ArnError, Fault, OpError, Region, Target};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Exposed, Found, Kind, Note, Ownership, Reading, Spec, Undelivered, is_ours};

/// Reads the leave that is declared, whoever gave it, and what carries our tag.
pub(super) async fn authorizations(cell: &Cell<'_>, config: &Config, reading: &mut Reading) -> Result<(), OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let profiles = cell.declared.profiles;
    let wanted = config.aggregator.as_ref().map(|_| (profiles.security, &profiles.home_region));
    let malformed = |message: &str| cell.malformed("config", "DescribeAggregationAuthorizations", message);
    let mut pages = session.pages(region, "config", "DescribeAggregationAuthorizations");
    loop {
        let page = session
            .call(region, "config", "DescribeAggregationAuthorizations")
            .run(|| {
                let describe = session.config().describe_aggregation_authorizations();
                send!(sdk, region, describe.set_next_token(pages.token()))
            })
            .await?;
        for one in page.aggregation_authorizations() {
            let arn = one.aggregation_authorization_arn().unwrap_or_default();
            let arn: Arn = arn.parse().map_err(|e: ArnError| malformed(&e.to_string()))?;
            let account: Result<AccountId, _> = one.authorized_account_id().unwrap_or_default().parse();
            let account = account.map_err(|e| malformed(&e.to_string()))?;
            let place: Result<Region, _> = one.authorized_aws_region().unwrap_or_default().parse();
            let place = place.map_err(|e| malformed(&e.to_string()))?;
            if profiles.account(account).is_none() {
                reading.exposed.push(collected(cell, account, &place));
            }
            let Some(tags) = tags::read(cell, &arn.to_string()).await? else { continue };
            // Without our tag only the declared one counts, and only while it is declared.
            if !is_ours(&tags) && wanted != Some((account, &place)) {
                continue;
            }
            reading.found.push(Found {
                address: Address::new(
                    cell.target.clone(),
                    Kind::ConfigAuthorization,
                    authorization_name(account, &place),
                ),
                spec: Spec::ConfigAuthorization(Box::new(Authorization { account, region: place, tags })),
                arn,
                ownership: Ownership::Ours,
            });
        }
        if !pages.turn(page.next_token)? {
            return Ok(());
        }
    }
}

/// An account that is nobody's here may collect what is recorded.
fn collected(cell: &Cell<'_>, account: AccountId, place: &Region) -> Exposed {
    let name = authorization_name(account, place);
    Exposed::new(
        Address::new(cell.target.clone(), Kind::ConfigAuthorization, name),
        format!(
            "account {account}, which is not in profiles.toml, may aggregate what AWS Config records here, in {place}: \
             every resource with its configuration, and what complies with which rule"
        ),
        format!(
            "if that is meant, accept it with an [[exception]]; if not, take the leave back (`aws configservice \
             delete-aggregation-authorization --authorized-account-id {account} --authorized-aws-region {place}`)"
        ),
        &serde_json::json!({ "account": account.to_string(), "region": place.as_str() }),
    )
}

/// What of an aggregator's sources does not come in, of the accounts and Regions that this run knows to give leave.
///
/// # Errors
///
/// A call that failed otherwise than for want of a permission, which is a note.
pub(super) async fn sources(
    cell: &Cell<'_>,
    name: &str,
    address: &Address,
    reading: &mut Reading,
) -> Result<(), OpError> {
    let failed = match failed_sources(cell, name).await {
        Ok(failed) => failed,
        Err(error) if matches!(error.fault, Fault::Denied | Fault::DeniedByScp) => {
            let text = format!(
                "whether the aggregator `{name}` gets what it asks for was not looked at: {} may not config:{}",
                error.role.as_deref().unwrap_or("the role"),
                error.operation
            );
            reading.notes.push(Note { target: cell.target.clone(), topic: "not-looked-at".to_owned(), text });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let expected = |source: &AggregatedSourceStatus| {
        let account: AccountId = source.source_id()?.parse().ok()?;
        let region: Region = source.aws_region()?.parse().ok()?;
        // An aggregator of all Regions asks Regions, too, that nobody gave leave in.
        let regions = cell.declared.shared.regions.get(&account)?;
        let kept = cell.declared.profiles.account(account)?;
        let given = regions.contains(&region) && cell.declared.baseline.keeps_in(kept, Overridable::Config, &region);
        given.then_some((account, region))
    };
    let profiles = cell.declared.profiles;
    for source in &failed {
        let Some((account, region)) = expected(source) else { continue };
        let said = [source.last_error_code(), source.last_error_message()].into_iter().flatten().collect::<Vec<_>>();
        let reason = if said.is_empty() { "AWS does not say why".to_owned() } else { said.join(": ") };
        // What does not do its work is the leave that the account gave; our own account needs none.
        let address = match account == profiles.security {
            true => address.clone(),
            false => {
                let leave = authorization_name(profiles.security, &profiles.home_region);
                Address::new(Target::new(account, region), Kind::ConfigAuthorization, leave)
            }
        };
        reading.undelivered.push(Undelivered {
            reason: format!("the aggregator `{name}` does not get its data: {reason}"),
            hint:
                "AWS Config tries again by itself within some hours after leave was given; if it stays so, see that no \
                   policy of the account or of its organization denies it"
                    .to_owned(),
            address,
        });
    }
    Ok(())
}

async fn failed_sources(cell: &Cell<'_>, name: &str) -> Result<Vec<AggregatedSourceStatus>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut all = Vec::new();
    let mut pages = session.pages(region, "config", "DescribeConfigurationAggregatorSourcesStatus");
    loop {
        let page = session
            .call(region, "config", "DescribeConfigurationAggregatorSourcesStatus")
            .run(|| {
                let describe = session
                    .config()
                    .describe_configuration_aggregator_sources_status()
                    .configuration_aggregator_name(name)
                    .update_status(AggregatedSourceStatusType::Failed);
                send!(sdk, region, describe.set_next_token(pages.token()))
            })
            .await?;
        all.extend(page.aggregated_source_status_list.unwrap_or_default());
        if !pages.turn(page.next_token)? {
            return Ok(all);
        }
    }
}

/// Reads the aggregators that bear the declared name or our tag.
pub(super) async fn aggregators(cell: &Cell<'_>, config: &Config) -> Result<Vec<Found>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let declared = config.aggregator.as_deref().filter(|_| *region == cell.declared.profiles.home_region);
    let mut all = Vec::new();
    let mut pages = session.pages(region, "config", "DescribeConfigurationAggregators");
    loop {
        let page = session
            .call(region, "config", "DescribeConfigurationAggregators")
            .run(|| {
                let describe = session.config().describe_configuration_aggregators();
                send!(sdk, region, describe.set_next_token(pages.token()))
            })
            .await?;
        for one in page.configuration_aggregators().iter().filter(|one| one.created_by().is_none()) {
            let (of, name) = ("DescribeConfigurationAggregators", one.configuration_aggregator_name());
            let name = cell.member("config", of, "an aggregator's name", name)?;
            let arn = one.configuration_aggregator_arn().unwrap_or_default();
            let malformed = |e: ArnError| cell.malformed("config", "DescribeConfigurationAggregators", &e.to_string());
            let arn: Arn = arn.parse().map_err(malformed)?;
            let Some(tags) = tags::read(cell, &arn.to_string()).await? else { continue };
            let ownership = if is_ours(&tags) { Ownership::Ours } else { Ownership::Unmarked };
            if ownership == Ownership::Unmarked && declared != Some(name) {
                continue;
            }
            let mut sources: Vec<Source> = one.account_aggregation_sources().iter().map(source).collect();
            sources.sort();
            let organization = one.organization_aggregation_source().is_some();
            all.push(Found {
                address: Address::new(cell.target.clone(), Kind::ConfigAggregator, name),
                spec: Spec::ConfigAggregator(Box::new(Aggregator { sources, organization, tags })),
                arn,
                ownership,
            });
        }
        if !pages.turn(page.next_token)? {
            return Ok(all);
        }
    }
}

fn source(source: &AccountAggregationSource) -> Source {
    let (mut accounts, mut regions) = (source.account_ids().to_vec(), source.aws_regions().to_vec());
    accounts.sort();
    regions.sort();
    Source { accounts, all_regions: source.all_aws_regions(), regions }
}

impl Write for Authorization {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        if let Some(seen) = seen {
            tags::write(&self.tags, &seen.tags, order).await?;
            return Ok(order.existing()?.clone());
        }
        let answer = session
            .call(region, "config", "PutAggregationAuthorization")
            .run(|| {
                let put = session
                    .config()
                    .put_aggregation_authorization()
                    .authorized_account_id(self.account.to_string())
                    .authorized_aws_region(self.region.to_string())
                    .set_tags(Some(tags::sdk_tags(&self.tags)));
                send!(sdk, region, put)
            })
            .await?;
        let arn = answer.aggregation_authorization.and_then(|one| one.aggregation_authorization_arn);
        let wrong = |e: ArnError| order.malformed("PutAggregationAuthorization", &e.to_string());
        arn.unwrap_or_default().parse().map_err(wrong)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        order.existing()?;
        session
            .call(region, "config", "DeleteAggregationAuthorization")
            .run(|| {
                let delete = session
                    .config()
                    .delete_aggregation_authorization()
                    .authorized_account_id(self.account.to_string())
                    .authorized_aws_region(self.region.to_string());
                send!(sdk, region, delete)
            })
            .await?;
        Ok(())
    }
}

impl Write for Aggregator {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let Some(seen) = seen else { return self.put(true, order).await };
        if (&self.sources, self.organization) != (&seen.sources, seen.organization) {
            self.put(false, order).await?;
        }
        tags::write(&self.tags, &seen.tags, order).await?;
        Ok(order.existing()?.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        order.existing()?;
        let answer = session
            .call(region, "config", "DeleteConfigurationAggregator")
            .run(|| {
                let delete = session.config().delete_configuration_aggregator();
                send!(sdk, region, delete.configuration_aggregator_name(&order.address.name))
            })
            .await;
        found(answer, &["NoSuchConfigurationAggregatorException"]).map(|_| ())
    }
}

impl Aggregator {
    /// Sends the whole list of accounts: it replaces the one that is there.
    async fn put(&self, with_tags: bool, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let wrong = |message: String| order.malformed("PutConfigurationAggregator", &message);
        let mut sources = Vec::new();
        for source in &self.sources {
            let regions = Some(source.regions.clone()).filter(|regions| !regions.is_empty());
            let built = AccountAggregationSource::builder()
                .set_account_ids(Some(source.accounts.clone()))
                .all_aws_regions(source.all_regions)
                .set_aws_regions(regions)
                .build();
            sources.push(built.map_err(|e| wrong(e.to_string()))?);
        }
        let tags = with_tags.then(|| tags::sdk_tags(&self.tags));
        let answer = session
            .call(region, "config", "PutConfigurationAggregator")
            .run(|| {
                let put = session
                    .config()
                    .put_configuration_aggregator()
                    .configuration_aggregator_name(&order.address.name)
                    .set_account_aggregation_sources(Some(sources.clone()))
                    .set_tags(tags.clone());
                send!(sdk, region, put)
            })
            .await?;
        let arn = answer.configuration_aggregator.and_then(|one| one.configuration_aggregator_arn);
        arn.unwrap_or_default().parse().map_err(|e: ArnError| wrong(e.to_string()))
    }
}
