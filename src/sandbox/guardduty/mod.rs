//! GuardDuty (API version 2017-11-28): detectors, their export of findings, and membership by invitation.
//!
//! Error messages are AWS's own where they are known, from the GuardDuty API Reference of 2018, which listed them, or
//! from reports of them. Every error is a `BadRequestException` whose `Type` says more.

mod delivery;
mod destinations;
mod detectors;
mod features;
mod filters;
mod invitations;
mod members;
mod tags;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dispatch::{Call, Service};
use super::wire::{Answer, Http, Protocol, Refusal, Reply, segments};
use super::world::World;
use crate::model::{AccountId, Arn, Region};

/// The service's line.
pub(super) const SERVICE: Service =
    Service { name: "guardduty", protocol: Protocol::RestJson, route: Some(route), resource, handle };

/// Detectors and who administers whom.
#[derive(Debug, Default)]
pub(super) struct State {
    /// One per account and Region.
    detectors: BTreeMap<(AccountId, Region), Detector>,
    /// By administrator, Region and member: what the administrator knows of the member.
    members: BTreeMap<(AccountId, Region, AccountId), Member>,
    /// Features that a Region no longer offers, and whether a request for one is refused without naming it.
    withdrawn: BTreeMap<(Region, String), bool>,
}

/// A detector.
#[derive(Debug, Clone)]
struct Detector {
    id: String,
    enabled: bool,
    /// `FIFTEEN_MINUTES`, `ONE_HOUR` or `SIX_HOURS`; a member's is its administrator's.
    frequency: String,
    features: features::Features,
    destination: Option<Destination>,
    /// By name, as they are answered.
    filters: BTreeMap<String, Value>,
    tags: BTreeMap<String, String>,
    created: f64,
    updated: f64,
    /// The client's token, with which it may ask again.
    token: Option<String>,
}

/// Where a detector exports its findings.
#[derive(Debug, Clone)]
struct Destination {
    id: String,
    /// `arn:aws:s3:::bucket[/prefix]`, as it was given.
    arn: String,
    /// The key's ARN.
    key: String,
    tags: BTreeMap<String, String>,
    token: Option<String>,
    /// Whether it was described since it was made or changed: until then it is still being verified.
    verified: bool,
    /// When it was first seen not to work, in milliseconds since 1970; 0 while it works.
    failing_since: u64,
}

/// An account as its administrator knows it.
#[derive(Debug, Clone)]
struct Member {
    email: String,
    status: Status,
    /// The invitation that is open, accepted or declined, once there was one.
    invitation: Option<Invitation>,
    updated: f64,
}

#[derive(Debug, Clone)]
struct Invitation {
    id: String,
    /// In seconds since 1970.
    sent: f64,
}

/// The relation between an administrator and a member (GuardDuty API Reference, `Member`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Created,
    Invited,
    Enabled,
    /// The administrator ended it.
    Removed,
    /// The member ended it, or declined.
    Resigned,
    /// The address is not that of the account's root user.
    EmailVerificationFailed,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Created => "Created",
            Status::Invited => "Invited",
            Status::Enabled => "Enabled",
            Status::Removed => "Removed",
            Status::Resigned => "Resigned",
            Status::EmailVerificationFailed => "EmailVerificationFailed",
        }
    }
}

impl State {
    /// Whether the account has a detector in the Region that is on: only then are there findings.
    pub fn is_enabled(&self, account: AccountId, region: &Region) -> bool {
        self.detectors.get(&(account, region.clone())).is_some_and(|detector| detector.enabled)
    }

    /// The account that administers this one in the Region, and so sees its findings too.
    pub fn administrator_of(&self, account: AccountId, region: &Region) -> Option<AccountId> {
        self.administration(account, region).map(|((administrator, _, _), _)| *administrator)
    }

    fn administration(
        &self,
        account: AccountId,
        region: &Region,
    ) -> Option<(&(AccountId, Region, AccountId), &Member)> {
        let here = |(_, place, member): &(AccountId, Region, AccountId)| *member == account && place == region;
        self.members.iter().find(|(key, member)| here(key) && member.status == Status::Enabled)
    }

    /// The tags of a detector or of a publishing destination.
    pub fn tags_mut(&mut self, arn: &Arn) -> Option<&mut BTreeMap<String, String>> {
        let detector = self.detectors.get_mut(&(arn.account()?, arn.region()?.clone()))?;
        match arn.resource().split('/').collect::<Vec<_>>()[..] {
            ["detector", id] if id == detector.id => Some(&mut detector.tags),
            ["detector", id, "publishingDestination", destination] if id == detector.id => {
                detector.destination.as_mut().filter(|found| found.id == destination).map(|found| &mut found.tags)
            }
            _ => None,
        }
    }

    /// Puts the account's detector under an administrator, as somebody else's invitation would have; makes the detector
    /// where there is none.
    pub fn put_under(world: &mut World, account: AccountId, region: Region, administrator: AccountId) {
        let moment = world.now();
        if !world.guardduty.detectors.contains_key(&(account, region.clone())) {
            let id = world.ids.uuid().replace('-', "");
            let features = features::by_default(world, &region, moment);
            let detector = Detector::new(id, true, features, moment);
            world.guardduty.detectors.insert((account, region.clone()), detector);
        }
        let invitation = Invitation { id: world.ids.uuid().replace('-', ""), sent: moment };
        let email = world.accounts.get(&account).and_then(|account| account.email.clone()).unwrap_or_default();
        let member = Member { email, status: Status::Enabled, invitation: Some(invitation), updated: moment };
        let others = |(other, place, id): &(AccountId, Region, AccountId)| {
            *id == account && *place == region && *other != administrator
        };
        world.guardduty.members.retain(|key, _| !others(key));
        world.guardduty.members.insert((administrator, region, account), member);
    }

    /// Takes a feature away in a Region.
    ///
    /// # Errors
    /// There is no such feature.
    pub fn withdraw(&mut self, region: Region, feature: String, unnamed: bool) -> Result<(), String> {
        if !features::OPTIONAL.contains(&feature.as_str()) {
            return Err(format!("GuardDuty has no optional feature {feature}: {}", features::OPTIONAL.join(", ")));
        }
        self.withdrawn.insert((region, feature), unnamed);
        Ok(())
    }

    /// What the control endpoint shows.
    pub fn document(world: &World) -> Value {
        let detectors: Vec<Value> = world
            .guardduty
            .detectors
            .iter()
            .map(|((account, region), detector)| {
                let features: BTreeMap<&str, bool> =
                    detector.features.iter().map(|(name, feature)| (*name, feature.enabled)).collect();
                json!({
                    "arn": arn(world, *account, region, &detector.id),
                    "enabled": world.guardduty.is_enabled(*account, region),
                    "administrator": world.guardduty.administrator_of(*account, region),
                    "frequency": detectors::frequency_of(world, *account, region),
                    "features": features,
                    "tags": detector.tags,
                    "destination": detector.destination.as_ref().map(|destination| json!({
                        "id": destination.id, "arn": destination.arn, "key": destination.key, "tags": destination.tags,
                        "publishing": delivery::check(world, *account, region, destination).is_ok(),
                    })),
                })
            })
            .collect();
        let members: Vec<Value> = world
            .guardduty
            .members
            .iter()
            .map(|((administrator, region, account), member)| {
                json!({
                    "administrator": administrator, "region": region, "account": account,
                    "status": member.status.name(), "email": member.email,
                })
            })
            .collect();
        json!({ "detectors": detectors, "members": members })
    }
}

impl Detector {
    fn new(id: String, enabled: bool, features: features::Features, created: f64) -> Detector {
        Detector {
            id,
            enabled,
            frequency: "SIX_HOURS".to_owned(),
            features,
            destination: None,
            filters: BTreeMap::new(),
            tags: BTreeMap::new(),
            created,
            updated: created,
            token: None,
        }
    }
}

fn arn(world: &World, account: AccountId, region: &Region, detector: &str) -> Arn {
    Arn::new(world.partition, "guardduty", Some(region), Some(account), format!("detector/{detector}"))
}

/// Paths and methods are those of the API's model.
fn route(http: &Http) -> String {
    let path = segments(http);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let name = match (http.method.as_str(), &path[..]) {
        ("POST", ["detector"]) => "CreateDetector",
        ("GET", ["detector"]) => "ListDetectors",
        ("GET", ["detector", _]) => "GetDetector",
        ("POST", ["detector", _]) => "UpdateDetector",
        ("DELETE", ["detector", _]) => "DeleteDetector",
        ("POST", ["detector", _, "publishingDestination"]) => "CreatePublishingDestination",
        ("GET", ["detector", _, "publishingDestination"]) => "ListPublishingDestinations",
        ("GET", ["detector", _, "publishingDestination", _]) => "DescribePublishingDestination",
        ("POST", ["detector", _, "publishingDestination", _]) => "UpdatePublishingDestination",
        ("DELETE", ["detector", _, "publishingDestination", _]) => "DeletePublishingDestination",
        ("POST", ["detector", _, "filter"]) => "CreateFilter",
        ("GET", ["detector", _, "filter"]) => "ListFilters",
        ("GET", ["detector", _, "filter", _]) => "GetFilter",
        ("DELETE", ["detector", _, "filter", _]) => "DeleteFilter",
        ("POST", ["detector", _, "member"]) => "CreateMembers",
        ("GET", ["detector", _, "member"]) => "ListMembers",
        ("POST", ["detector", _, "member", "get"]) => "GetMembers",
        ("POST", ["detector", _, "member", "delete"]) => "DeleteMembers",
        ("POST", ["detector", _, "member", "disassociate"]) => "DisassociateMembers",
        ("POST", ["detector", _, "member", "invite"]) => "InviteMembers",
        ("GET", ["invitation"]) => "ListInvitations",
        ("GET", ["invitation", "count"]) => "GetInvitationsCount",
        ("POST", ["invitation", "decline"]) => "DeclineInvitations",
        ("POST", ["invitation", "delete"]) => "DeleteInvitations",
        ("POST", ["detector", _, "administrator"]) => "AcceptAdministratorInvitation",
        ("GET", ["detector", _, "administrator"]) => "GetAdministratorAccount",
        ("POST", ["detector", _, "administrator", "disassociate"]) => "DisassociateFromAdministratorAccount",
        ("POST", ["detector", _, "master"]) => "AcceptInvitation",
        ("GET", ["detector", _, "master"]) => "GetMasterAccount",
        ("POST", ["detector", _, "master", "disassociate"]) => "DisassociateFromMasterAccount",
        ("POST", ["tags", ..]) => "TagResource",
        ("DELETE", ["tags", ..]) => "UntagResource",
        ("GET", ["tags", ..]) => "ListTagsForResource",
        _ => "",
    };
    name.to_owned()
}

/// As the Service Authorization Reference names what GuardDuty's actions are about.
fn resource(world: &World, call: &Call<'_>) -> String {
    let path = segments(call.http);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let detector = |id: &str| arn(world, call.account(), call.region, id).to_string();
    match &path[..] {
        ["tags", arn @ ..] => arn.join("/"),
        ["detector", id, "publishingDestination", destination] => {
            detector(&format!("{id}/publishingDestination/{destination}"))
        }
        ["detector", id, "filter", filter] => detector(&format!("{id}/filter/{filter}")),
        ["detector", id, ..] => detector(id),
        ["detector"] => detector("*"),
        _ => "*".to_owned(),
    }
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let output = match call.operation {
        "CreateDetector" => detectors::create(world, call),
        "GetDetector" => detectors::get(world, call),
        "ListDetectors" => detectors::list(world, call),
        "UpdateDetector" => detectors::update(world, call),
        "DeleteDetector" => detectors::delete(world, call),
        "CreatePublishingDestination" => destinations::create(world, call),
        "DescribePublishingDestination" => destinations::describe(world, call),
        "ListPublishingDestinations" => destinations::list(world, call),
        "UpdatePublishingDestination" => destinations::update(world, call),
        "DeletePublishingDestination" => destinations::delete(world, call),
        "CreateFilter" => filters::create(world, call),
        "ListFilters" => filters::list(world, call),
        "GetFilter" => filters::get(world, call),
        "DeleteFilter" => filters::delete(world, call),
        "CreateMembers" => members::create(world, call),
        "GetMembers" => members::get(world, call),
        "ListMembers" => members::list(world, call),
        "DeleteMembers" => members::delete(world, call),
        "DisassociateMembers" => members::disassociate(world, call),
        "InviteMembers" => members::invite(world, call),
        "ListInvitations" => invitations::list(world, call),
        "GetInvitationsCount" => Ok(invitations::count(world, call)),
        "AcceptAdministratorInvitation" => invitations::accept(world, call, "administratorId"),
        "AcceptInvitation" => invitations::accept(world, call, "masterId"),
        "DeclineInvitations" => invitations::decline(world, call),
        "DeleteInvitations" => invitations::delete(world, call),
        "GetAdministratorAccount" => invitations::administrator(world, call, "administrator"),
        "GetMasterAccount" => invitations::administrator(world, call, "master"),
        "DisassociateFromAdministratorAccount" | "DisassociateFromMasterAccount" => invitations::leave(world, call),
        "TagResource" => return tags::tag(world, call).map(|()| no_content()),
        "UntagResource" => return tags::untag(world, call).map(|()| no_content()),
        "ListTagsForResource" => tags::list(world, call),
        _ => Err(call.not_simulated()),
    };
    output.map(Answer::Json)
}

fn no_content() -> Answer {
    Answer::Http(Reply { status: 204, headers: Vec::new(), body: Vec::new() })
}

/// A refusal in GuardDuty's form. The model names the member `type`; it was `__type` in older ones.
fn rejected(message: impl Into<String>) -> Refusal {
    let kind = "InvalidInputException";
    Refusal::new(400, "BadRequestException", message).detail("__type", kind).detail("type", kind)
}

fn invalid() -> Refusal {
    rejected("The request is rejected because an invalid or out-of-range value is specified as an input parameter.")
}

fn required() -> Refusal {
    rejected("The request is rejected because the required query or path parameters are not specified.")
}

fn not_owned() -> Refusal {
    rejected("The request is rejected because the input detectorId is not owned by the current account.")
}

/// The caller's detector in this Region, which must be the one that the path names.
fn own<'a>(world: &'a World, call: &Call<'_>) -> Result<&'a Detector, Refusal> {
    let named = segments(call.http);
    let found = world.guardduty.detectors.get(&(call.account(), call.region.clone()));
    found.filter(|detector| named.get(1) == Some(&detector.id)).ok_or_else(not_owned)
}

fn own_mut<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut Detector, Refusal> {
    let named = segments(call.http);
    let found = world.guardduty.detectors.get_mut(&(call.account(), call.region.clone()));
    found.filter(|detector| named.get(1) == Some(&detector.id)).ok_or_else(not_owned)
}

/// The client's token, which is at most 64 characters long.
fn token(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    match call.text("clientToken").filter(|token| !token.is_empty()) {
        Some(token) if token.len() > 64 => Err(invalid()),
        token => Ok(token.map(str::to_owned)),
    }
}

/// One page of a list: `nextToken` says where it starts, `maxResults` how long it is.
fn page(call: &Call<'_>, member: &str, items: Vec<Value>) -> Result<Value, Refusal> {
    let start: usize = match call.http.parameter("nextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid())?,
    };
    let out_of_bounds =
        || rejected("The request is rejected because the parameter maxResults is out-of-bounds.".to_owned());
    let most: usize = match call.http.parameter("maxResults") {
        None => 50,
        Some(text) => text.parse().ok().filter(|most| (1..=50).contains(most)).ok_or_else(out_of_bounds)?,
    };
    let end = start.saturating_add(most).min(items.len());
    let mut out = json!({});
    if end < items.len() {
        out["nextToken"] = json!(end.to_string());
    }
    out[member] = Value::Array(items.into_iter().skip(start).take(most).collect());
    Ok(out)
}
