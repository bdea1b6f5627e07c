use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::Document;
use crate::model::{AccountId, Address, Arn, Region, Target};
use crate::policy::{Actions, Effect, Policy, PrincipalType, Principals, Resources, Statement, Who, first_that_fits};
use crate::services::eventbridge::receiving_bus;
use crate::services::{
    About, Declared, Desired, Kept, Kind, Place, Resource, Service, Spec, Tags, Terms, keep_tags, our_tags,
};

/// The service that AWS Config's service-linked role is for: the name it is declared by.
pub(super) const CONFIG_SERVICE: &str = "config.amazonaws.com";

/// Where the roles of this tool are, so that those that are no longer declared are found without looking at every role.
#[cfg(any(feature = "aws", test))]
pub(super) const PATH: &str = "/baseline/";

/// The one inline policy of the role that forwards events.
pub(super) const POLICY_NAME: &str = "put-events";

/// The service that assumes that role.
const EVENTS_SERVICE: &str = "events.amazonaws.com";

/// What a role's inline policies may hold together, in bytes (IAM User Guide, "IAM and AWS STS quotas": 10,240
/// characters without white space).
const INLINE_POLICIES_MAX_BYTES: usize = 10_240;

static NO_TAGS: Tags = Tags::new();

/// A service-linked role: AWS decides what it is called, whom it trusts and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLinkedRole {
    /// The service that it is for, which is also the last part of its path.
    pub service: String,
}

impl Resource for ServiceLinkedRole {
    const ABOUT: About = About { lives: "every account; global", without: "AWS Config cannot record" };

    fn adopt(&mut self, _seen: &Self, _terms: &Terms) -> Vec<Kept> {
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let wrong = self.service != CONFIG_SERVICE;
        wrong
            .then(|| format!("a service-linked role for {} is none of this tool's", self.service))
            .into_iter()
            .collect()
    }
}

/// The role that EventBridge forwards events with. Its longest session and its description stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Who may assume it.
    pub trust: Document,
    /// Its inline policies by name.
    pub inline_policies: BTreeMap<String, Document>,
    /// The ARNs of the managed policies that are attached to it, in order.
    pub attached_policies: Vec<String>,
    /// The ARN of the managed policy that somebody set as its permissions boundary; it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

impl Resource for Role {
    const ABOUT: About = About {
        lives: "every account but the security account; global",
        without: "EventBridge cannot forward events out of the account",
    };

    fn adopt(&mut self, seen: &Self, terms: &Terms) -> Vec<Kept> {
        keep_tags(&mut self.tags, &seen.tags);
        self.permissions_boundary.clone_from(&seen.permissions_boundary);
        // Whether or not AWS passes what the condition asks for, what works stays: neither form is drift.
        let account = terms.address.as_ref().map(|address| address.target.account);
        if account.is_some_and(|account| seen.trust == Document::Known(conditional_trust(account))) {
            self.trust = seen.trust.clone();
        }
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, _seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        if !is_all(&self.trust, trusts_events_only) {
            refusals.push(format!("the role would trust somebody else than {EVENTS_SERVICE}"));
        }
        let inline = self.inline_policies.values();
        if !inline.clone().all(|document| is_all(document, puts_events_only)) || !self.attached_policies.is_empty() {
            refusals.push("the role would be allowed more than to put events on the security account's bus".to_owned());
        }
        let size: usize = inline.map(|document| document.to_json().len()).sum();
        if size > INLINE_POLICIES_MAX_BYTES {
            refusals.push(format!(
                "the role's policy would take {size} bytes and AWS holds {INLINE_POLICIES_MAX_BYTES}: give the bus a \
                 shorter name"
            ));
        }
        refusals
    }
}

/// Whether a document can be read and holds of each of its statements.
fn is_all(document: &Document, holds: fn(&Statement) -> bool) -> bool {
    matches!(document, Document::Known(policy) if policy.statements.iter().all(holds))
}

fn trusts_events_only(statement: &Statement) -> bool {
    let only = |lists: &BTreeMap<PrincipalType, Vec<String>>| {
        lists.iter().all(|(kind, names)| *kind == PrincipalType::Service && names.iter().all(|n| n == EVENTS_SERVICE))
    };
    matches!(&statement.principal, Some(Principals::Principal(Who::Named(lists))) if only(lists))
}

fn puts_events_only(statement: &Statement) -> bool {
    let puts = matches!(
        &statement.actions,
        Actions::Action(names) if names.iter().all(|name| name.eq_ignore_ascii_case("events:PutEvents"))
    );
    let on_buses = matches!(
        &statement.resources,
        Some(Resources::Resource(arns)) if arns.iter().all(|arn| arn.contains(":event-bus/"))
    );
    statement.effect == Effect::Allow && puts && on_buses
}

/// The roles of an account.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let linked = config_role(declared, place.account.id).map(|address| {
        let spec = ServiceLinkedRole { service: CONFIG_SERVICE.to_owned() };
        Desired::new(address, Spec::IamServiceLinkedRole(Box::new(spec)), Vec::new())
    });
    let forwarding = forwarding_role(declared, place.account.id).and_then(|address| {
        let spec = Role {
            trust: Document::Known(trust()),
            inline_policies: [(POLICY_NAME.to_owned(), Document::Known(permission(declared, place)?))].into(),
            attached_policies: Vec::new(),
            permissions_boundary: None,
            tags: our_tags(declared.baseline),
        };
        Some(Desired::new(address, Spec::IamRole(Box::new(spec)), Vec::new()))
    });
    linked.into_iter().chain(forwarding).collect()
}

/// EventBridge may assume the role, without a condition: that it passes `aws:SourceAccount` when it assumes a target's
/// role is documented nowhere (EventBridge User Guide, "Using IAM policy conditions", lists the key; "Using identity-based
/// policies" shows trust policies without it), and where it does not, no event would be forwarded. Nobody gains by it:
/// the role may put events on the security account's buses only, and whoever makes a rule with it needs `iam:PassRole` on
/// it in its own account.
fn trust() -> Policy {
    Policy::new(vec![Statement::allow("EventBridge", ["sts:AssumeRole"]).for_services([EVENTS_SERVICE])])
}

/// The same for rules of the role's own account only (EventBridge User Guide, "Cross-service confused deputy prevention"),
/// which is how this tool made roles once.
fn conditional_trust(account: AccountId) -> Policy {
    let mut trust = trust();
    trust.statements = trust
        .statements
        .into_iter()
        .map(|s| s.when("StringEquals", "aws:SourceAccount", [account.to_string()]))
        .collect();
    trust
}

/// Events may be put on the buses that receive them, each by its ARN; by a `*` for the Region only where that many ARNs
/// are more than AWS takes. `None` where there is no Region to forward from.
fn permission(declared: &Declared<'_>, place: &Place<'_>) -> Option<Policy> {
    let partition = declared.profiles.partition;
    let regions = declared.baseline.regions_of(place.account, Service::Eventbridge, place.regions);
    let buses: BTreeSet<Address> = regions.iter().filter_map(|region| receiving_bus(declared, region)).collect();
    let name = buses.first()?.name.clone();
    let exact: Vec<String> = buses
        .iter()
        .map(|bus| {
            let (account, region) = (bus.target.account, &bus.target.region);
            Arn::new(partition, "events", Some(region), Some(account), format!("event-bus/{}", bus.name)).to_string()
        })
        .collect();
    let anywhere = vec![format!("arn:{partition}:events:*:{}:event-bus/{name}", declared.profiles.security)];
    let on = |arns: Vec<String>| Policy::new(vec![Statement::allow("PutEvents", ["events:PutEvents"]).on(arns)]);
    first_that_fits([exact, anywhere.clone()].into_iter().map(on), INLINE_POLICIES_MAX_BYTES)
        .map(|(_, policy)| policy)
        .or_else(|| Some(on(anywhere)))
}

/// IAM has no Regions: one cell, where a role of either service is declared.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let wanted = declared.baseline.config.is_some() || declared.baseline.events.is_some();
    wanted.then(|| place.target(&Region::global())).into_iter().collect()
}

/// The role that EventBridge assumes to put an account's events on the security account's bus, where events are
/// forwarded from that account.
pub fn forwarding_role(declared: &Declared<'_>, account: AccountId) -> Option<Address> {
    let events = declared.baseline.events.as_ref()?;
    if account == declared.profiles.security {
        return None;
    }
    Some(Address::new(Target::new(account, Region::global()), Kind::IamRole, events.role_name.clone()))
}

/// The service-linked role that AWS Config records with, where it is declared.
pub fn config_role(declared: &Declared<'_>, account: AccountId) -> Option<Address> {
    declared.baseline.config.as_ref()?;
    let target = Target::new(account, Region::global());
    Some(Address::new(target, Kind::IamServiceLinkedRole, CONFIG_SERVICE))
}
