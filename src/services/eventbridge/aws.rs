//! Reading and writing buses and rules.

mod entries;
pub(in crate::services) mod key;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_eventbridge as eventbridge;
use eventbridge::types::{
    DeadLetterConfig, InputTransformer, RetryPolicy, Rule as SdkRule, RuleState, Tag, Target as SdkTarget,
};
use serde_json::Value;

use self::entries::{put_failure, remove_failure};
use super::config::Transform;
use super::pattern::{canonical, text};
use super::rules::receiving_regions;
use super::spec::{Bus, Rule, RuleTarget, bus_and_rule, rule_address_name};
use super::stranger::strangers;
use super::{BUS_TARGET, DEFAULT_BUS, RULE_PREFIX, TOPIC_TARGET};
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, OpError, Partition, Region};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kind, Note, Ownership, Reading, Reference, SharedPolicy, Spec, Tags, is_ours};

/// The operations that reading takes.
pub const READS: &[&str] = &["DescribeEventBus", "ListRules", "ListTagsForResource", "ListTargetsByRule"];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "CreateEventBus",
    "DeleteRule",
    "PutPermission",
    "PutRule",
    "PutTargets",
    "RemovePermission",
    "RemoveTargets",
    "TagResource",
];

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// How many targets one call takes (EventBridge User Guide, "Quotas").
const TARGETS_AT_ONCE: usize = 10;

/// How long a role that was just made is given to be assumable.
const ROLE_PATIENCE: Duration = Duration::from_secs(120);

/// How long the receiving bus's policy is given to be known to its own service. Not longer: the same code means that
/// something was forgotten.
const POLICY_PATIENCE: Duration = Duration::from_secs(30);

/// What `PutTargets` answers while role or bus policy have not settled. Both come with a code that means other things,
/// too: the role's with `ValidationException`, the bus's with `AccessDeniedException`, which then is about `PutEvents`
/// on the bus and not about what was called.
fn unsettled(error: &OpError) -> Option<Duration> {
    let says = |text: &str| error.says(&[text]);
    if error.has_code(&["ValidationException"]) && (says("cannot be assumed") || says("unable to assume")) {
        Some(ROLE_PATIENCE)
    } else if error.has_code(&["AccessDeniedException"]) && (says("events:PutEvents") || says("resource-based policy"))
    {
        Some(POLICY_PATIENCE)
    } else {
        None
    }
}

/// Reads the receiving bus, where the Region has one, and every rule of ours on the buses of this cell. Buses of a name
/// that is not declared are not looked at: nothing is sent to them any more.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let Some(events) = &cell.declared.baseline.events else { return Ok(Reading::default()) };
    let region = &cell.target.region;
    let mut reading = Reading::default();
    let mut buses = vec![DEFAULT_BUS];
    let receives = cell.target.account == cell.declared.profiles.security;
    if receives && receiving_regions(cell.declared).contains(region) {
        if events.bus != DEFAULT_BUS {
            reading.notes.extend(left_behind(cell).await?);
        }
        if let Some(bus) = bus(cell, &events.bus).await? {
            if let Spec::EventbridgeBus(spec) = &bus.spec
                && let Some(key) = &spec.kms_key
            {
                key::check_bus(cell, &bus.address, &bus.arn.to_string(), key, &mut reading).await?;
            }
            reading.found.push(bus);
            if events.bus != DEFAULT_BUS {
                buses.push(&events.bus);
            }
        }
    }
    for bus in buses {
        for rule in rules(cell, bus).await? {
            let Some(found) = project(cell, bus, &rule).await? else { continue };
            if let (Spec::EventbridgeRule(rule), Ownership::Ours) = (&found.spec, found.ownership)
                && rule.managed_by.is_none()
            {
                let (exposed, notes) = strangers(cell.declared, &found.address, rule);
                reading.exposed.extend(exposed);
                reading.notes.extend(notes);
            }
            reading.found.push(found);
        }
    }
    Ok(reading)
}

/// What is read of a bus.
struct BusSettings {
    arn: String,
    policy: Option<String>,
    key: Option<String>,
}

async fn settings(session: &Session, region: &Region, bus: &str) -> Result<Option<BusSettings>, OpError> {
    let answer = found(
        session
            .call(region, "eventbridge", "DescribeEventBus")
            .run(|| send!(eventbridge, region, session.eventbridge().describe_event_bus().name(bus)))
            .await,
        ABSENT,
    )?;
    Ok(answer.map(|bus| BusSettings {
        arn: bus.arn.unwrap_or_default(),
        policy: bus.policy.filter(|policy| !policy.trim().is_empty()),
        key: bus.kms_key_identifier.filter(|key| !key.trim().is_empty()),
    }))
}

fn parsed(cell: &Cell<'_>, policy: Option<&str>) -> Result<Policy, OpError> {
    match policy {
        Some(policy) => Policy::parse(policy).map_err(|e| {
            cell.malformed("eventbridge", "DescribeEventBus", &format!("the bus policy cannot be read: {e}"))
        }),
        None => Ok(Policy::new(Vec::new())),
    }
}

async fn bus(cell: &Cell<'_>, name: &str) -> Result<Option<Found>, OpError> {
    let Some(BusSettings { arn, policy, key }) = settings(cell.session, &cell.target.region, name).await? else {
        return Ok(None);
    };
    let document = parsed(cell, policy.as_deref())?;
    // Nobody made the default bus, and everybody has it: there is nothing to tell by its tags.
    let tags = if name == DEFAULT_BUS { Tags::new() } else { tags(cell, &arn).await? };
    let ours = name == DEFAULT_BUS || is_ours(&tags);
    Ok(Some(Found {
        address: Address::new(cell.target.clone(), Kind::EventbridgeBus, name),
        arn: parse_arn(cell, "DescribeEventBus", &arn)?,
        ownership: if ours { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::EventbridgeBus(Box::new(Bus { policy: SharedPolicy::seen(document), kms_key: key, tags })),
    }))
}

/// What a change from the default bus to a named one leaves on the default bus: nothing removes it unasked.
async fn left_behind(cell: &Cell<'_>) -> Result<Option<Note>, OpError> {
    let answer = settings(cell.session, &cell.target.region, DEFAULT_BUS).await?;
    let document = parsed(cell, answer.and_then(|bus| bus.policy).as_deref())?;
    let ours: Vec<&str> = document.owned().filter_map(|statement| statement.sid.as_deref()).collect();
    Ok((!ours.is_empty()).then(|| Note {
        target: cell.target.clone(),
        topic: "bus-left-behind".to_owned(),
        text: format!(
            "the bus `default` still admits accounts by {}, though another bus is declared: once nothing is sent there, \
             remove each with `aws events remove-permission --statement-id`",
            ours.join(", ")
        ),
    }))
}

async fn rules(cell: &Cell<'_>, bus: &str) -> Result<Vec<SdkRule>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut rules = Vec::new();
    let mut pages = session.pages(region, "eventbridge", "ListRules");
    loop {
        let page = session
            .call(region, "eventbridge", "ListRules")
            .run(|| {
                let list = session.eventbridge().list_rules().name_prefix(RULE_PREFIX).event_bus_name(bus);
                send!(eventbridge, region, list.set_next_token(pages.token()))
            })
            .await?;
        rules.extend(page.rules.unwrap_or_default());
        if !pages.turn(page.next_token)? {
            return Ok(rules);
        }
    }
}

async fn project(cell: &Cell<'_>, bus: &str, rule: &SdkRule) -> Result<Option<Found>, OpError> {
    let name = cell.member("eventbridge", "ListRules", "a rule's name", rule.name())?;
    let arn = cell.member("eventbridge", "ListRules", "a rule's ARN", rule.arn())?;
    let forwards = cell.declared.baseline.forwards();
    let declared = forwards.iter().any(|forward| name.strip_prefix(RULE_PREFIX) == Some(&forward.name));
    let tags = tags(cell, arn).await?;
    // A service's rule is that service's, whatever it is called.
    let ours = is_ours(&tags) && rule.managed_by().is_none();
    if !ours && !declared {
        return Ok(None);
    }
    let (targets, other_targets) = targets(cell, bus, name).await?;
    let pattern = match rule.event_pattern() {
        // AWS keeps what it was given; what is not JSON can only be compared as a text.
        Some(given) => serde_json::from_str(given).map_or_else(|_| Value::from(given), |value| canonical(&value)),
        None => Value::Null,
    };
    let spec = Rule {
        pattern,
        schedule: rule.schedule_expression().map(str::to_owned),
        state: rule.state().map_or("ENABLED", RuleState::as_str).to_owned(),
        description: rule.description().map(str::to_owned),
        role: rule.role_arn().map(str::to_owned),
        targets,
        other_targets,
        managed_by: rule.managed_by().map(str::to_owned),
        tags,
    };
    Ok(Some(Found {
        address: Address::new(cell.target.clone(), Kind::EventbridgeRule, rule_address_name(bus, name)),
        arn: parse_arn(cell, "ListRules", arn)?,
        // A service's own is nobody's to take over, and says so itself.
        ownership: if ours || rule.managed_by().is_some() { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::EventbridgeRule(Box::new(spec)),
    }))
}

/// Our targets in full, and those of other people by their ARNs.
type Targets = (BTreeMap<String, RuleTarget>, BTreeMap<String, String>);

async fn targets(cell: &Cell<'_>, bus: &str, rule: &str) -> Result<Targets, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let (mut ours, mut others) = (BTreeMap::new(), BTreeMap::new());
    let mut pages = session.pages(region, "eventbridge", "ListTargetsByRule");
    loop {
        let page = session
            .call(region, "eventbridge", "ListTargetsByRule")
            .run(|| {
                let list = session.eventbridge().list_targets_by_rule().rule(rule).event_bus_name(bus);
                send!(eventbridge, region, list.set_next_token(pages.token()))
            })
            .await?;
        for target in page.targets() {
            if [TOPIC_TARGET, BUS_TARGET].contains(&target.id()) {
                ours.insert(target.id().to_owned(), seen_target(cell, target)?);
            } else {
                others.insert(target.id().to_owned(), target.arn().to_owned());
            }
        }
        if !pages.turn(page.next_token)? {
            return Ok((ours, others));
        }
    }
}

fn seen_target(cell: &Cell<'_>, target: &SdkTarget) -> Result<RuleTarget, OpError> {
    let reference = |text: &str| {
        Reference::try_from(text.to_owned()).map_err(|e| {
            let what = format!("target {} cannot be read: {e}", target.id());
            cell.malformed("eventbridge", "ListTargetsByRule", &what)
        })
    };
    let retry = target.retry_policy();
    Ok(RuleTarget {
        arn: reference(target.arn())?,
        role: target.role_arn().map(reference).transpose()?,
        transform: target.input_transformer().map(|transformer| Transform {
            paths: transformer.input_paths_map().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect(),
            template: transformer.input_template().to_owned(),
        }),
        input: target.input().or(target.input_path()).map(str::to_owned),
        dead_letter_queue: target.dead_letter_config().and_then(|config| config.arn()).map(str::to_owned),
        retry: retry.map(|retry| (retry.maximum_event_age_in_seconds(), retry.maximum_retry_attempts())),
    })
}

async fn tags(cell: &Cell<'_>, arn: &str) -> Result<Tags, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "eventbridge", "ListTagsForResource")
        .run(|| send!(eventbridge, region, session.eventbridge().list_tags_for_resource().resource_arn(arn)))
        .await?;
    Ok(answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
}

fn parse_arn(cell: &Cell<'_>, operation: &str, arn: &str) -> Result<Arn, OpError> {
    arn.parse().map_err(|e: crate::model::ArnError| cell.malformed("eventbridge", operation, &e.to_string()))
}

fn sdk_tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Tag> {
    tags.into_iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// Sends the tags that differ: those of a creation are not looked at again (EventBridge API Reference, `PutRule`).
async fn tag(ours: &Tags, seen: &Tags, arn: &Arn, order: &Order<'_>) -> Result<(), OpError> {
    let changed = sdk_tags(ours.iter().filter(|(key, value)| seen.get(*key) != Some(*value)));
    if changed.is_empty() {
        return Ok(());
    }
    let (session, region) = (order.session, &order.address.target.region);
    session
        .call(region, "eventbridge", "TagResource")
        .run(|| {
            let tag = session.eventbridge().tag_resource().resource_arn(arn.to_string());
            send!(eventbridge, region, tag.set_tags(Some(changed.clone())))
        })
        .await?;
    Ok(())
}

impl Write for Bus {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let nobody = SharedPolicy::seen(Policy::new(Vec::new()));
        let (arn, seen_policy) = match seen {
            Some(seen) => {
                let arn = order.existing()?.clone();
                tag(&self.tags, &seen.tags, &arn, order).await?;
                (arn, &seen.policy)
            }
            None => (self.create(order).await?, &nobody),
        };
        if self.policy != *seen_policy {
            self.admit(seen_policy, order).await?;
        }
        Ok(arn)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteEventBus", "a bus is never deleted: other people's rules may hang on it"))
    }
}

impl Bus {
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let tags = sdk_tags(&self.tags);
        let answer = session
            .call(region, "eventbridge", "CreateEventBus")
            .run_or_done(is_there, || {
                let create = session.eventbridge().create_event_bus().name(&order.address.name);
                send!(eventbridge, region, create.set_tags(Some(tags.clone())))
            })
            .await?;
        let Some(answer) = answer else {
            let (target, partition) = (&order.address.target, Partition::of_region(region).unwrap_or_default());
            let bus = format!("event-bus/{}", order.address.name);
            return Ok(Arn::new(partition, "events", Some(region), Some(target.account), bus));
        };
        let arn = answer.event_bus_arn().unwrap_or_default();
        arn.parse().map_err(|e: crate::model::ArnError| order.malformed("CreateEventBus", &e.to_string()))
    }

    /// Writes the whole policy at once, and takes it away where nothing is left in it.
    async fn admit(&self, seen: &SharedPolicy, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region, bus) = (order.session, &order.address.target.region, &order.address.name);
        let now = settings(session, region, bus).await?.and_then(|bus| bus.policy);
        order.unchanged("PutPermission", seen, now.as_deref())?;
        if self.policy.document.statements.is_empty() {
            session
                .call(region, "eventbridge", "RemovePermission")
                .run_or_done(is_gone, || {
                    let remove = session.eventbridge().remove_permission().event_bus_name(bus);
                    send!(eventbridge, region, remove.remove_all_permissions(true))
                })
                .await?;
            return Ok(());
        }
        let document = self.policy.document.to_json();
        session
            .call(region, "eventbridge", "PutPermission")
            .run(|| {
                let put = session.eventbridge().put_permission().event_bus_name(bus).policy(&document);
                send!(eventbridge, region, put)
            })
            .await?;
        Ok(())
    }
}

impl Write for Rule {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let arn = match seen {
            None => self.put(Some(&self.tags), order).await?,
            Some(seen) => {
                let arn = order.existing()?.clone();
                if self.rule_differs(seen) {
                    self.put(None, order).await?;
                }
                tag(&self.tags, &seen.tags, &arn, order).await?;
                arn
            }
        };
        let nothing = BTreeMap::new();
        let there = seen.map_or(&nothing, |seen| &seen.targets);
        // A target's role stays when it is put without one (EventBridge API Reference, `PutTargets`).
        let loses_role = |id: &String, seen: &RuleTarget| {
            seen.role.is_some() && self.targets.get(id).is_some_and(|target| target.role.is_none())
        };
        let gone = there.iter().filter(|(id, seen)| !self.targets.contains_key(*id) || loses_role(id, seen));
        remove_targets(gone.map(|(id, _)| id.clone()).collect(), order).await?;
        let changed = self.targets.iter().filter(|(id, target)| there.get(*id) != Some(*target));
        let mut targets = Vec::new();
        for (id, target) in changed {
            targets.push(sdk_target(id, target, order)?);
        }
        put_targets(&targets, order).await?;
        Ok(arn)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        if let Some(other) = self.other_targets.keys().next() {
            let mut error = order.refused("DeleteRule", &format!("target {other} of the rule is not ours"));
            error.hint = Some("move that target to a rule of its owner's, then run again".to_owned());
            return Err(error);
        }
        remove_targets(self.targets.keys().cloned().collect(), order).await?;
        let (session, region) = (order.session, &order.address.target.region);
        let (bus, name) = bus_and_rule(order.address);
        session
            .call(region, "eventbridge", "DeleteRule")
            .run_or_done(is_gone, || {
                let delete = session.eventbridge().delete_rule().name(name).event_bus_name(bus);
                send!(eventbridge, region, delete)
            })
            .await?;
        Ok(())
    }

    /// The other rules of the bus (EventBridge User Guide, "Quotas": 300 rules per bus).
    async fn rivals(&self, order: &Order<'_>) -> Result<Vec<String>, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let (bus, _) = bus_and_rule(order.address);
        let mut names = Vec::new();
        let mut pages = session.pages(region, "eventbridge", "ListRules");
        loop {
            let list = session.eventbridge().list_rules().event_bus_name(bus);
            let page = session
                .call(region, "eventbridge", "ListRules")
                .run(|| send!(eventbridge, region, list.clone().set_next_token(pages.token())))
                .await?;
            names.extend(page.rules().iter().filter_map(|rule| Some(format!("rule `{}`", rule.name()?))));
            if !pages.turn(page.next_token)? {
                return Ok(names);
            }
        }
    }
}

fn is_there(error: &OpError) -> bool {
    error.has_code(&["ResourceAlreadyExistsException"])
}

fn is_gone(error: &OpError) -> bool {
    error.has_code(ABSENT)
}

impl Rule {
    fn rule_differs(&self, seen: &Rule) -> bool {
        self.pattern != seen.pattern
            || self.schedule != seen.schedule
            || self.state != seen.state
            || self.description != seen.description
            || self.role != seen.role
    }

    /// Sends the whole rule: what a `PutRule` leaves out is gone afterwards (EventBridge API Reference). Tags are for a
    /// rule that is made only.
    async fn put(&self, tags: Option<&Tags>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let (bus, name) = bus_and_rule(order.address);
        let answer = session
            .call(region, "eventbridge", "PutRule")
            .run(|| {
                let put = session
                    .eventbridge()
                    .put_rule()
                    .name(name)
                    .event_bus_name(bus)
                    .event_pattern(text(&self.pattern))
                    .state(RuleState::from(self.state.as_str()))
                    .set_description(self.description.clone())
                    .set_tags(tags.map(sdk_tags));
                send!(eventbridge, region, put)
            })
            .await?;
        let arn = answer.rule_arn().unwrap_or_default();
        arn.parse().map_err(|e: crate::model::ArnError| order.malformed("PutRule", &e.to_string()))
    }
}

fn sdk_target(id: &str, target: &RuleTarget, order: &Order<'_>) -> Result<SdkTarget, OpError> {
    let malformed = |e: aws_smithy_types::error::operation::BuildError| order.malformed("PutTargets", &e.to_string());
    let transformer = match &target.transform {
        Some(transform) => {
            let paths = transform.paths.clone().into_iter().collect();
            let transformer =
                InputTransformer::builder().set_input_paths_map(Some(paths)).input_template(&transform.template);
            Some(transformer.build().map_err(malformed)?)
        }
        None => None,
    };
    let queue = target.dead_letter_queue.as_ref().map(|arn| DeadLetterConfig::builder().arn(arn).build());
    let retry = target.retry.map(|(age, attempts)| {
        let retry = RetryPolicy::builder().set_maximum_event_age_in_seconds(age);
        retry.set_maximum_retry_attempts(attempts).build()
    });
    SdkTarget::builder()
        .id(id)
        .arn(String::from(target.arn.clone()))
        .set_role_arn(target.role.clone().map(String::from))
        .set_input_transformer(transformer)
        .set_dead_letter_config(queue)
        .set_retry_policy(retry)
        .build()
        .map_err(malformed)
}

async fn put_targets(targets: &[SdkTarget], order: &Order<'_>) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let (bus, rule) = bus_and_rule(order.address);
    for some in targets.chunks(TARGETS_AT_ONCE) {
        session
            .call(region, "eventbridge", "PutTargets")
            .settling_if(unsettled)
            .run(|| async {
                let put = session.eventbridge().put_targets().rule(rule).event_bus_name(bus);
                let answer = send!(eventbridge, region, put.set_targets(Some(some.to_vec()))).await?;
                put_failure(&answer).map_or(Ok(answer), Err)
            })
            .await?;
    }
    Ok(())
}

async fn remove_targets(ids: Vec<String>, order: &Order<'_>) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let (bus, rule) = bus_and_rule(order.address);
    for some in ids.chunks(TARGETS_AT_ONCE) {
        session
            .call(region, "eventbridge", "RemoveTargets")
            .run(|| async {
                let remove = session.eventbridge().remove_targets().rule(rule).event_bus_name(bus);
                let answer = send!(eventbridge, region, remove.set_ids(Some(some.to_vec()))).await?;
                remove_failure(&answer).map_or(Ok(answer), Err)
            })
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Fault;

    #[test]
    fn what_has_not_settled_is_told_by_what_the_error_says() {
        let error = |code: &str, message: &str| OpError {
            account: "333333333333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            role: None,
            service: "eventbridge".to_owned(),
            operation: "PutTargets".to_owned(),
            fault: Fault::Other,
            code: Some(code.to_owned()),
            message: message.to_owned(),
            request_id: None,
            attempts: 1,
            hint: None,
        };
        let role = "Provided role 'x' cannot be assumed by principal 'events.amazonaws.com'.";
        assert_eq!(unsettled(&error("ValidationException", role)), Some(ROLE_PATIENCE));
        assert_eq!(unsettled(&error("ValidationException", "Parameter Arn is not valid.")), None);
        let bus = "x is not authorized to perform: events:PutEvents on resource: y";
        assert_eq!(unsettled(&error("AccessDeniedException", bus)), Some(POLICY_PATIENCE));
        assert_eq!(unsettled(&error("AccessDeniedException", "x may not perform: events:PutTargets")), None);
    }
}
