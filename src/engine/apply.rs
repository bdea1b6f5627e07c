use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::OnceCell;

use super::dispatcher::Run;
use super::{Asked, Rollout, Stop};
use crate::aws::{Access, Chain, Session};
use crate::config::Profiles;
use crate::model::{AccountId, Address, Arn, OpError};
use crate::plan::{Action, Change, Plan};
use crate::report::{Event, Events, Halt, Outcome};
use crate::services::Reference;
use crate::services::adapter::Order;

/// Changes that are made at the same time. Requests in flight are bounded apart, and most changes wait most of the time,
/// since CloudTrail takes one write a second in each account and Region.
const CHANGES_AT_ONCE: usize = 512;

/// How a run ended: one outcome per change, in the order of the plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// The outcomes.
    pub outcomes: Vec<(Address, Outcome)>,
    /// Why nothing new was started from some point on.
    pub halted: Option<Halt>,
}

impl Applied {
    /// How many changes ended in this way.
    pub fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()
    }
}

/// Makes the changes of a plan, and nothing else: each one as soon as everything it requires has ended well and every
/// change of an earlier wave has ended.
pub async fn apply(
    chain: &Chain,
    profiles: &Profiles,
    plan: &Plan,
    _rollout: &Rollout,
    stop: &Stop,
    events: &Events,
) -> Applied {
    events.tell(Event::ApplyStarted { changes: plan.changes.len() });
    let wave = |change: &Change| profiles.account(change.address.target.account).map_or(0, |account| account.wave);
    let mut run = Run::new(plan, wave);
    let doors = &Doors::new(chain, profiles, plan);
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < CHANGES_AT_ONCE && stop.asked() == Asked::Nothing {
            let Some(index) = run.next(under_way.is_empty()) else { break };
            let change = &plan.changes[index];
            let known = run.known(change);
            under_way.push(async move {
                events.tell(Event::ChangeStarted { address: change.address.clone() });
                let made = make(change, &known, doors).await;
                doors.leave(change.address.target.account);
                (index, made)
            });
        }
        let Some((index, result)) = under_way.next().await else { break };
        for (index, outcome) in run.ended(index, result) {
            events.tell(Event::ChangeEnded { address: plan.changes[index].address.clone(), outcome });
        }
    }
    let halted = (stop.asked() > Asked::Nothing).then(|| stop.why());
    let mut outcomes = run.finish();
    if let Some(halted) = &halted {
        events.tell(Event::Halted { why: halted.clone() });
        for (_, outcome) in &mut outcomes {
            if let Outcome::NotStarted { why } = outcome {
                *why = halted.clone();
            }
        }
    }
    Applied { outcomes, halted }
}

async fn make(change: &Change, known: &BTreeMap<Address, Arn>, doors: &Doors<'_>) -> Result<Option<Arn>, OpError> {
    let session = doors.open(change.address.target.account, &change.address).await?;
    let order =
        Order { session: &session, address: &change.address, arn: change.seen.as_ref().map(|found| &found.arn) };
    if change.action == Action::Delete {
        change.desired.delete(&order).await?;
        return Ok(None);
    }
    let mut spec = change.desired.clone();
    for reference in spec.references() {
        if let Reference::To(address) = reference {
            match known.get(address) {
                Some(arn) => *reference = Reference::Is(arn.clone()),
                None => return Err(order.malformed("Resolve", &format!("{address} was never made"))),
            }
        }
    }
    spec.apply(change.seen.as_ref().map(|found| &found.spec), &order).await.map(Some)
}

/// The sessions that write, one per account: opened when first needed and closed after the account's last change, so
/// that a thousand accounts do not hold their clients at once.
struct Doors<'a> {
    chain: &'a Chain,
    profiles: &'a Profiles,
    open: Mutex<HashMap<AccountId, Door>>,
}

#[derive(Default)]
struct Door {
    /// Changes of the account that have not ended.
    changes: usize,
    session: Arc<OnceCell<Arc<Session>>>,
}

impl<'a> Doors<'a> {
    fn new(chain: &'a Chain, profiles: &'a Profiles, plan: &Plan) -> Self {
        let mut open: HashMap<AccountId, Door> = HashMap::new();
        for change in &plan.changes {
            open.entry(change.address.target.account).or_default().changes += 1;
        }
        Doors { chain, profiles, open: Mutex::new(open) }
    }

    async fn open(&self, id: AccountId, address: &Address) -> Result<Arc<Session>, OpError> {
        let session = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.entry(id).or_default().session.clone()
        };
        let session = session
            .get_or_try_init(|| async {
                let Some(account) = self.profiles.account(id) else {
                    return Err(unknown_account(address));
                };
                self.chain.enter(account, Access::Write).await.map(Arc::new)
            })
            .await?;
        Ok(session.clone())
    }

    /// One change of the account has ended.
    fn leave(&self, id: AccountId) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(door) = open.get_mut(&id) {
            door.changes = door.changes.saturating_sub(1);
            if door.changes == 0 {
                open.remove(&id);
            }
        }
    }
}

fn unknown_account(address: &Address) -> OpError {
    OpError {
        account: address.target.account,
        region: address.target.region.clone(),
        role: None,
        service: address.kind.service().as_str().to_owned(),
        operation: "Enter".to_owned(),
        fault: crate::model::Fault::Refused,
        code: None,
        message: "the account is not in profiles.toml".to_owned(),
        request_id: None,
        attempts: 0,
        hint: None,
    }
}
