use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::OnceCell;

use crate::aws::{Access, Chain, Session};
use crate::config::Profiles;
use crate::model::{AccountId, Address, Arn, OpError};
use crate::plan::{Action, Change, Plan};
use crate::report::{Event, Events, Outcome};
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
}

impl Applied {
    /// How many changes ended in this way.
    pub fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()
    }
}

/// Makes the changes of a plan, and nothing else: each one as soon as everything it requires has ended well and every
/// change of an earlier wave has ended.
pub async fn apply(chain: &Chain, profiles: &Profiles, plan: &Plan, events: &Events) -> Applied {
    events.tell(Event::ApplyStarted { changes: plan.changes.len() });
    let wave = |change: &Change| profiles.account(change.address.target.account).map_or(0, |account| account.wave);
    let mut run = Run::new(plan, wave);
    let doors = &Doors::new(chain, profiles, plan);
    let mut under_way = FuturesUnordered::new();
    loop {
        while under_way.len() < CHANGES_AT_ONCE {
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
    Applied { outcomes: run.finish() }
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

/// What has ended, what may start, and what never will.
struct Run<'a> {
    plan: &'a Plan,
    /// By change: the changes that require it.
    dependents: Vec<Vec<usize>>,
    /// By change: how many of its requirements have not been applied yet.
    awaited: Vec<usize>,
    outcomes: Vec<Option<Outcome>>,
    arns: BTreeMap<Address, Arn>,
    /// By change: its account's wave.
    waves: Vec<u32>,
    /// By wave: how many changes have not ended.
    open: BTreeMap<u32, usize>,
    /// By wave: the changes that may start.
    ready: BTreeMap<u32, VecDeque<usize>>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, wave: impl Fn(&Change) -> u32) -> Self {
        let index: HashMap<&Address, usize> =
            plan.changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
        let mut dependents = vec![Vec::new(); plan.changes.len()];
        let mut awaited = vec![0; plan.changes.len()];
        for (dependent, change) in plan.changes.iter().enumerate() {
            for required in change.requires.iter().filter_map(|address| index.get(address)) {
                dependents[*required].push(dependent);
                awaited[dependent] += 1;
            }
        }
        let waves: Vec<u32> = plan.changes.iter().map(wave).collect();
        let mut open = BTreeMap::new();
        let mut ready: BTreeMap<u32, VecDeque<usize>> = BTreeMap::new();
        for (change, wave) in waves.iter().enumerate() {
            *open.entry(*wave).or_default() += 1;
            if awaited[change] == 0 {
                ready.entry(*wave).or_default().push_back(change);
            }
        }
        let outcomes = vec![None; plan.changes.len()];
        Run { plan, dependents, awaited, outcomes, arns: BTreeMap::new(), waves, open, ready }
    }

    /// The ARNs of what a change requires, as far as this run made it.
    fn known(&self, change: &Change) -> BTreeMap<Address, Arn> {
        let made = |address: &Address| Some((address.clone(), self.arns.get(address)?.clone()));
        change.requires.iter().filter_map(made).collect()
    }

    /// The next change to start: one of the earliest wave that is not over.
    ///
    /// With nothing under way (`idle`) a later wave's change may go first: only something that the earlier wave
    /// requires can hold it up then.
    fn next(&mut self, idle: bool) -> Option<usize> {
        let current = *self.open.iter().find(|(_, open)| **open > 0)?.0;
        if let Some(change) = self.ready.get_mut(&current).and_then(VecDeque::pop_front) {
            return Some(change);
        }
        if !idle {
            return None;
        }
        self.ready.values_mut().find_map(VecDeque::pop_front)
    }

    fn end(&mut self, change: usize, outcome: Outcome) {
        self.outcomes[change] = Some(outcome);
        if let Some(open) = self.open.get_mut(&self.waves[change]) {
            *open -= 1;
        }
    }

    /// Notes how a change ended; answers it and what else ended by that: everything that required it, if it failed.
    fn ended(&mut self, index: usize, result: Result<Option<Arn>, OpError>) -> Vec<(usize, Outcome)> {
        match result {
            Ok(arn) => {
                if let Some(arn) = arn {
                    self.arns.insert(self.plan.changes[index].address.clone(), arn);
                }
                for dependent in self.dependents[index].clone() {
                    self.awaited[dependent] -= 1;
                    if self.awaited[dependent] == 0 && self.outcomes[dependent].is_none() {
                        self.ready.entry(self.waves[dependent]).or_default().push_back(dependent);
                    }
                }
                self.end(index, Outcome::Applied);
                vec![(index, Outcome::Applied)]
            }
            Err(error) => {
                let failed = Outcome::Failed(error);
                self.end(index, failed.clone());
                let mut ended = vec![(index, failed)];
                let mut next = 0;
                while let Some((bad, _)) = ended.get(next) {
                    let because = self.plan.changes[*bad].address.clone();
                    for dependent in self.dependents[*bad].clone() {
                        if self.outcomes[dependent].is_none() {
                            let skipped = Outcome::Skipped { because: because.clone() };
                            self.end(dependent, skipped.clone());
                            ended.push((dependent, skipped));
                        }
                    }
                    next += 1;
                }
                ended
            }
        }
    }

    fn finish(self) -> Vec<(Address, Outcome)> {
        let outcomes = self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::NotStarted));
        self.plan.changes.iter().map(|change| change.address.clone()).zip(outcomes).collect()
    }
}

#[cfg(test)]
mod tests;
