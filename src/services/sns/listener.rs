//! Who else listens to a topic: whoever is subscribed besides what is declared.

use serde_json::{Value, json};

use super::config::{Notify, Protocol};
use super::endpoint::{Endpoint, shown};
use super::reach::topic_arn;
use super::subscription::Subscription;
use crate::model::{AccountId, Address, Arn, Target};
use crate::services::{Aside, Declared, Exposed, Found, Kind, Note, Ownership, Spec};

/// A subscription that nobody declares.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    /// How it is reached, as SNS spells it.
    pub protocol: String,
    /// Where messages go.
    pub endpoint: String,
    /// Whose subscription it is, as SNS says.
    pub owner: String,
    /// Its ARN; `None` until it is confirmed.
    pub arn: Option<Arn>,
    /// The ARN of the role or the user that subscribed, where it could be read.
    pub principal: Option<String>,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) enum Judged {
    /// This tool made it once: an orphan.
    Ours(Box<Found>),
    /// What this estate is told goes where nobody here can see.
    Exposed(Exposed),
    /// Worth knowing.
    Note(Note),
}

impl Listener {
    /// What becomes of it. Subscriptions have no tags: one is this tool's if the role that this tool enters the
    /// subscription's account with made it.
    pub(super) fn judge(&self, declared: &Declared<'_>, notify: &Notify, hub: &Target) -> Judged {
        let address = Address::new(hub.clone(), Kind::SnsSubscription, self.name(notify));
        let endpoint = shown(&self.protocol, &self.endpoint);
        let besides = format!(
            "{endpoint} ({}, account {}) is subscribed to topic `{}` besides what is declared",
            self.protocol, self.owner, notify.topic
        );
        let note =
            |text: String| Judged::Note(Note { target: hub.clone(), topic: "other-subscription".to_owned(), text });
        let Some(arn) = &self.arn else {
            return note(format!("{besides}; it is not confirmed, so that nothing is delivered; it is left as it is"));
        };
        if let Some(spec) = self.made_by_us(declared, notify, hub) {
            return Judged::Ours(Box::new(Found {
                address,
                spec: Spec::SnsSubscription(Box::new(spec)),
                arn: arn.clone(),
                ownership: Ownership::Ours,
            }));
        }
        // An ARN says whose it is; an address, a number and a URL are anybody's.
        let inside = self.endpoint.parse::<Arn>().ok().and_then(|arn| arn.account());
        // Listening is reading, which a trusted account may.
        let trusted = |id: AccountId| declared.profiles.trusted.iter().any(|one| one.id == id);
        if inside.is_some_and(|id| declared.profiles.account(id).is_some() || trusted(id)) {
            return note(format!("{besides}; it is left as it is"));
        }
        let whose = match inside {
            Some(id) => format!("account {id}, which is not in profiles.toml"),
            None => "an endpoint that is in no account".to_owned(),
        };
        let hint = format!(
            "if it is meant, declare it as [[notify.subscription]], or accept it; otherwise: aws sns unsubscribe --region \
             {} --subscription-arn {arn}",
            hub.region
        );
        let reason = format!("{besides}: what the topic is told goes to {whose}");
        Judged::Exposed(Exposed::new(address, reason, hint, &json!({ "subscription": self.content() })))
    }

    /// What an acceptance is bound to; a URL by its digest, since it may be a secret.
    fn content(&self) -> Value {
        let endpoint = match self.protocol.as_str() {
            "http" | "https" => Endpoint::of_url(&self.endpoint).tag().to_owned(),
            _ => shown(&self.protocol, &self.endpoint),
        };
        json!({ "protocol": self.protocol, "endpoint": endpoint, "owner": self.owner })
    }

    fn name(&self, notify: &Notify) -> String {
        let tag = match self.protocol.as_str() {
            "http" | "https" => Endpoint::of_url(&self.endpoint).tag().to_owned(),
            _ => shown(&self.protocol, &self.endpoint),
        };
        format!("{}:{}:{tag}", notify.topic, self.protocol)
    }

    /// It as this tool would have made it; `None` where somebody else did, or may have.
    fn made_by_us(&self, declared: &Declared<'_>, notify: &Notify, hub: &Target) -> Option<Subscription> {
        let owner: AccountId = self.owner.parse().ok()?;
        let role = &declared.profiles.account(owner)?.hop.as_ref()?.role;
        if self.principal.as_deref() != Some(role.to_string().as_str()) {
            return None;
        }
        let endpoint = |arn: &str| arn.parse::<Arn>().ok();
        let (protocol, endpoint) = match self.protocol.as_str() {
            "lambda" => (Protocol::Lambda, Endpoint::of_arn(Protocol::Lambda, endpoint(&self.endpoint)?)),
            "sqs" => (Protocol::Sqs, Endpoint::of_arn(Protocol::Sqs, endpoint(&self.endpoint)?)),
            "https" => (Protocol::Https, Endpoint::of_url(&self.endpoint)),
            "email" => (Protocol::Email, Endpoint::of_mail(&self.endpoint)),
            // This tool makes no others.
            _ => return None,
        };
        Some(Subscription {
            topic: topic_arn(declared, notify, &hub.region),
            protocol,
            endpoint,
            raw_message_delivery: false,
            filter_policy: None,
            other_attributes: Default::default(),
            pending: Aside(false),
        })
    }
}
