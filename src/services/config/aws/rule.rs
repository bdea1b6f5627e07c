use std::collections::BTreeMap;

use aws_sdk_config as sdk;
use futures::future::try_join_all;
use sdk::types::{
    ConfigRule as SdkRule, ConfigRuleState, EvaluationMode, EvaluationModeConfiguration, MaximumExecutionFrequency,
    Owner, Scope as SdkScope, Source,
};
use serde_json::Value;

use super::super::managed_rules::managed_rule;
use super::super::rule::{not_offered, once_more, rule_names};
use super::super::section::{Config, Trigger};
use super::super::{Rule, Scope};
use super::tags;
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, ArnError, Fault, OpError, Region};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kind, Note, Ownership, Reading, Spec, is_ours};

/// Answered while a rule of the same name is still being deleted, or the recorder's role has not reached AWS Config yet.
const UNSETTLED: &[&str] =
    &["InsufficientPermissionsException", "NoAvailableConfigurationRecorderException", "ResourceInUseException"];

/// Reads every rule that bears a declared name or our tag. Rules of other services (conformance packs, Security Hub)
/// cannot be ours; one that is being deleted is as good as gone.
pub(super) async fn observe(cell: &Cell<'_>, config: &Config, reading: &mut Reading) -> Result<(), OpError> {
    let declared = rule_names(cell.declared, cell.target);
    let rules = all_rules(cell.session, &cell.target.region).await?;
    let note = |topic: &str, text| Note { target: cell.target.clone(), topic: topic.to_owned(), text };
    reading.notes.extend(not_offered(config, &cell.target.region).map(|rule| {
        let text = format!(
            "AWS Config does not offer the managed rule {} here: `{}` is declared and skipped",
            rule.identifier, rule.name
        );
        note("not-offered", text)
    }));
    let candidates = rules
        .iter()
        .filter(|rule| rule.created_by().is_none() && rule.config_rule_state() != Some(&ConfigRuleState::Deleting));
    let seen: Vec<Found> =
        try_join_all(candidates.map(|rule| project(cell, rule))).await?.into_iter().flatten().collect();
    let is_wanted = |found: &Found| found.ownership == Ownership::Ours || declared.contains(&found.address.name);
    let theirs = seen.iter().filter(|found| !is_wanted(found));
    reading.notes.extend(theirs.filter_map(|found| match &found.spec {
        Spec::ConfigRule(theirs) => Some((&found.address.name, theirs, once_more(config, &cell.target.region, theirs)?)),
        _ => None,
    }).map(|(name, theirs, ours)| {
        let with = if theirs.parameters == ours.parameters { "" } else { ", with other parameters" };
        let text = format!(
            "rule `{name}` is the managed rule {} once more{with}: what it evaluates is evaluated and billed twice, by it \
             and by `{}`; delete one of them, or take the declared one out",
            ours.identifier, ours.name
        );
        note("rule-twice", text)
    }));
    reading.found.extend(seen.into_iter().filter(is_wanted));
    Ok(())
}

async fn all_rules(session: &Session, region: &Region) -> Result<Vec<SdkRule>, OpError> {
    let mut rules = Vec::new();
    let mut pages = session.pages(region, "config", "DescribeConfigRules");
    loop {
        let page = session
            .call(region, "config", "DescribeConfigRules")
            .run(|| send!(sdk, region, session.config().describe_config_rules().set_next_token(pages.token())))
            .await?;
        rules.extend(page.config_rules.unwrap_or_default());
        if !pages.turn(page.next_token)? {
            return Ok(rules);
        }
    }
}

/// A rule with its tags; `None` where it has gone in the meantime.
async fn project(cell: &Cell<'_>, rule: &SdkRule) -> Result<Option<Found>, OpError> {
    let malformed = |message: &str| cell.malformed("config", "DescribeConfigRules", message);
    let arn: Arn =
        rule.config_rule_arn().unwrap_or_default().parse().map_err(|e: ArnError| malformed(&e.to_string()))?;
    let Some(tags) = tags::read(cell, &arn.to_string()).await? else { return Ok(None) };
    let identifier = rule.source().and_then(Source::source_identifier).unwrap_or_default();
    let known = managed_rule(identifier);
    let mut frequency = rule.maximum_execution_frequency().map(|frequency| frequency.as_str().to_owned());
    if known.is_some_and(|known| known.trigger == Trigger::Periodic) {
        // What AWS does where nothing is said (AWS Config API Reference, `ConfigRule`).
        frequency.get_or_insert_with(|| MaximumExecutionFrequency::TwentyFourHours.as_str().to_owned());
    }
    let mut scope = rule.scope().map(scope).unwrap_or_default();
    if let Some(known) = known.filter(|_| scope.resource_id.is_none()) {
        scope.resource_types = known.limited_to(scope.resource_types);
    }
    let mut evaluation_modes: Vec<String> =
        rule.evaluation_modes().iter().filter_map(|mode| Some(mode.mode()?.as_str().to_owned())).collect();
    evaluation_modes.sort();
    let spec = Rule {
        owner: rule.source().map_or("", |source| source.owner().as_str()).to_owned(),
        identifier: identifier.to_owned(),
        parameters: parameters(rule.input_parameters()),
        frequency,
        scope,
        description: rule.description().filter(|text| !text.is_empty()).map(str::to_owned),
        evaluation_modes,
        tags,
    };
    let name = cell.member("config", "DescribeConfigRules", "a rule's name", rule.config_rule_name())?;
    Ok(Some(Found {
        address: Address::new(cell.target.clone(), Kind::ConfigRule, name),
        ownership: if is_ours(&spec.tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::ConfigRule(Box::new(spec)),
        arn,
    }))
}

fn scope(scope: &SdkScope) -> Scope {
    let mut resource_types = scope.compliance_resource_types().to_vec();
    resource_types.sort();
    Scope {
        resource_types,
        resource_id: scope.compliance_resource_id().map(str::to_owned),
        tag_key: scope.tag_key().map(str::to_owned),
        tag_value: scope.tag_value().map(str::to_owned),
    }
}

/// A rule's parameters: a JSON object of texts, where some people write numbers. What is no object is shown as it is.
fn parameters(text: Option<&str>) -> BTreeMap<String, String> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return BTreeMap::new() };
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect(),
        _ => [("?".to_owned(), text.to_owned())].into(),
    }
}

impl Write for Rule {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let Some(seen) = seen else {
            self.put(true, order).await?;
            return self.read_back(order).await;
        };
        if *self != (Rule { tags: self.tags.clone(), ..seen.clone() }) {
            self.put(false, order).await?;
        }
        tags::write(&self.tags, &seen.tags, order).await?;
        Ok(order.existing()?.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        order.existing()?;
        let answer = session
            .call(region, "config", "DeleteConfigRule")
            .settling(&["ResourceInUseException"])
            .run(|| {
                let delete = session.config().delete_config_rule().config_rule_name(&order.address.name);
                send!(sdk, region, delete)
            })
            .await;
        found(answer, &["NoSuchConfigRuleException"]).map(|_| ())
    }

    /// Every other rule of the Region, those of conformance packs and other services included (AWS Config Developer
    /// Guide, "Service Limits").
    async fn rivals(&self, order: &Order<'_>) -> Result<Vec<String>, OpError> {
        let rules = all_rules(order.session, &order.address.target.region).await?;
        let told = |rule: &SdkRule| {
            let name = rule.config_rule_name()?;
            Some(match rule.created_by() {
                Some(service) => format!("rule `{name}` of {service}"),
                None => format!("rule `{name}`"),
            })
        };
        Ok(rules.iter().filter_map(told).collect())
    }
}

impl Rule {
    /// Sends the whole of it: what a `PutConfigRule` leaves out is not left as it is.
    async fn put(&self, with_tags: bool, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let source = Source::builder()
            .owner(Owner::from(self.owner.as_str()))
            .source_identifier(&self.identifier)
            .build()
            .map_err(|e| order.malformed("PutConfigRule", &e.to_string()))?;
        let modes = self
            .evaluation_modes
            .iter()
            .map(|mode| EvaluationModeConfiguration::builder().mode(EvaluationMode::from(mode.as_str())).build());
        let modes: Vec<EvaluationModeConfiguration> = modes.collect();
        let parameters = (!self.parameters.is_empty()).then(|| serde_json::json!(self.parameters).to_string());
        let rule = SdkRule::builder()
            .config_rule_name(&order.address.name)
            .source(source)
            .set_description(self.description.clone())
            .set_scope(self.scope.to_sdk())
            .set_input_parameters(parameters)
            .set_maximum_execution_frequency(self.frequency.as_deref().map(MaximumExecutionFrequency::from))
            .set_evaluation_modes(Some(modes).filter(|modes| !modes.is_empty()))
            .build();
        let tags = with_tags.then(|| tags::sdk_tags(&self.tags));
        let answer = session
            .call(region, "config", "PutConfigRule")
            .settling(UNSETTLED)
            .run(|| {
                let put = session.config().put_config_rule().config_rule(rule.clone());
                send!(sdk, region, put.set_tags(tags.clone()))
            })
            .await;
        answer.map(|_| ()).map_err(|error| self.named_if_not_offered(error))
    }

    /// The error of a `PutConfigRule`, which says so where it means that the Region has not got the managed rule.
    ///
    /// AWS answers `InvalidParameterValueException` with "The sourceIdentifier … is invalid. Please refer to the
    /// documentation for a list of valid sourceIdentifiers that can be used when AWS is the Owner." for a rule that other
    /// Regions have (niaid/terraform-aws-managed-config-rules#46, in GovCloud; awslabs/aws-config-rules#437). That the
    /// identifier is a rule's is known from the table; the rest of the words may change.
    fn named_if_not_offered(&self, mut error: OpError) -> OpError {
        let about_identifier = error.message.contains(&self.identifier);
        if error.has_code(&["InvalidParameterValueException"])
            && about_identifier
            && managed_rule(&self.identifier).is_some()
        {
            error.fault = Fault::NotOffered;
            error.hint = Some(format!(
                "AWS Config does not offer {0} in {1} yet: say `except_regions = [\"{1}\"]` in its [[config.rule]]; the \
                 rest of the baseline does not wait for it",
                self.identifier, error.region
            ));
        }
        error
    }

    /// The ARN that AWS gave it: `PutConfigRule` does not answer it.
    async fn read_back(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let answer = session
            .call(region, "config", "DescribeConfigRules")
            .settling(&["NoSuchConfigRuleException"])
            .run(|| {
                let describe = session.config().describe_config_rules().config_rule_names(&order.address.name);
                send!(sdk, region, describe)
            })
            .await?;
        let arn = answer.config_rules().first().and_then(SdkRule::config_rule_arn).unwrap_or_default();
        arn.parse().map_err(|e: ArnError| order.malformed("DescribeConfigRules", &e.to_string()))
    }
}

impl Scope {
    fn to_sdk(&self) -> Option<SdkScope> {
        if *self == Scope::default() {
            return None;
        }
        let types = Some(self.resource_types.clone()).filter(|types| !types.is_empty());
        let scope = SdkScope::builder()
            .set_compliance_resource_types(types)
            .set_compliance_resource_id(self.resource_id.clone())
            .set_tag_key(self.tag_key.clone())
            .set_tag_value(self.tag_value.clone());
        Some(scope.build())
    }
}
