use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::OnceCell;

use super::dispatcher::{Bounds, Decision, Dispatcher, Happened, Terms};
use super::{Asked, Rollout, Stop, Survey, SurveyOptions};
use crate::aws::{Access, Chain, Session};
use crate::config::{Baseline, Profiles};
use crate::model::{AccountId, Address, Arn, OpError};
use crate::plan::{Action, Change, Plan};
use crate::report::json::Ended;
use crate::report::{Event, Events, Halt, Outcome, Wait};
use crate::services::Reference;
use crate::services::adapter::{Order, helper, prepare, with_rivals};

/// How long AWS is given to show everywhere what was written, before a canary that seems not to be as it should be is
/// read once more.
const SECOND_LOOK: Duration = Duration::from_secs(5);

/// How a run ended: one outcome per change, in the order of the plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// The outcomes.
    pub outcomes: Vec<(Address, Outcome)>,
    /// Why nothing new was started from some point on.
    pub halted: Option<Halt>,
    /// Where AWS needed long to notice what was written.
    pub waits: Vec<Wait>,
}

impl Applied {
    /// It as reports take it.
    pub fn ended(&self) -> Ended<'_> {
        Ended { outcomes: &self.outcomes, halted: self.halted.as_ref(), waits: &self.waits }
    }

    /// How many changes ended in this way.
    pub fn count(&self, wanted: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| wanted(outcome)).count()
    }
}

/// Everything that making changes takes besides the plan.
pub(super) struct Apply<'a> {
    pub chain: &'a Chain,
    pub profiles: &'a Profiles,
    pub baseline: &'a Baseline,
    /// What the plan was narrowed to and allowed.
    pub options: &'a SurveyOptions,
    pub rollout: &'a Rollout,
    /// The plan as people agreed to it.
    pub agreed: &'a Plan,
    /// What of it has ended already.
    pub settled: &'a [(Address, Outcome)],
    /// The change that taking the lock began.
    pub begun: Option<&'a Address>,
    pub stop: &'a Stop,
    pub events: &'a Events,
}

type UnderWay<'a> = FuturesUnordered<BoxFuture<'a, Happened>>;

impl Apply<'_> {
    /// Makes the changes of a plan, and nothing else: when each one's turn is, the dispatcher says. `lost` ends when
    /// somebody else may be writing.
    pub(super) async fn run(&self, plan: &Plan, lost: impl Future<Output = ()>) -> Applied {
        self.events.tell(Event::ApplyStarted { changes: plan.changes.len() });
        let canary_unread = self
            .rollout
            .canary
            .is_some_and(|canary| self.agreed.unreadable.iter().any(|unreadable| unreadable.target.account == canary));
        let terms = Terms {
            rollout: self.rollout,
            wave: &|account| self.rollout.wave(self.profiles, account),
            settled: self.settled,
            canary_unread,
            bounds: Bounds::OF_A_RUN,
        };
        let doors = &Doors::new(self.chain, self.profiles, plan);
        let mut outcomes: Vec<Option<Outcome>> = vec![None; plan.changes.len()];
        let mut under_way: UnderWay<'_> = FuturesUnordered::new();
        let mut reading: LocalBoxFuture<'_, Option<String>> = std::future::pending().boxed_local();
        let mut lost = std::pin::pin!(lost.fuse());
        let mut to_finish = std::pin::pin!(self.stop.until(Asked::Finish).fuse());
        let mut to_leave = std::pin::pin!(self.stop.until(Asked::Leave).fuse());
        let (mut dispatcher, mut decisions) = Dispatcher::start(plan, &terms);
        'run: loop {
            for decision in decisions {
                match decision {
                    Decision::Open { wave, accounts, changes } => {
                        self.events.tell(Event::WaveStarted { wave, accounts, changes });
                    }
                    Decision::Start(index) => {
                        let change = &plan.changes[index];
                        if self.begun != Some(&change.address) {
                            self.events.tell(Event::ChangeStarted { address: change.address.clone() });
                        }
                        let known = dispatcher.known(change);
                        let may_change = self.events.may_change();
                        under_way.push(
                            async move {
                                if may_change {
                                    make(index, change, known, doors).await
                                } else {
                                    Happened::Ended(index, Err(unrecorded(change)))
                                }
                            }
                            .boxed(),
                        );
                    }
                    Decision::End(index, outcome) => {
                        let address = plan.changes[index].address.clone();
                        doors.leave(address.target.account);
                        self.events.tell(Event::ChangeEnded { address, outcome: outcome.clone() });
                        outcomes[index] = Some(outcome);
                    }
                    Decision::ReadCanary(account) => {
                        reading = self.read_canary(account, dispatcher.after_canary()).boxed_local();
                    }
                    Decision::Halt(why) => self.events.tell(Event::Halted { why }),
                    Decision::Over => break 'run,
                }
            }
            decisions = dispatcher.on(tokio::select! {
                biased;
                () = &mut to_leave => Happened::AskedToLeave,
                () = &mut to_finish => Happened::AskedToFinish,
                () = &mut lost => Happened::LockLost,
                Some(ended) = under_way.next() => ended,
                found = &mut reading => {
                    reading = std::future::pending().boxed_local();
                    Happened::CanaryRead(found)
                }
            });
        }
        let ended = |(change, outcome): (&Change, Option<Outcome>)| Some((change.address.clone(), outcome?));
        Applied {
            outcomes: plan.changes.iter().zip(outcomes).filter_map(ended).collect(),
            halted: dispatcher.halted().cloned(),
            waits: Vec::new(),
        }
    }

    /// Reads the canary again; answers what is not as it should be there. What changes `later` is not expected yet.
    async fn read_canary(&self, account: AccountId, later: BTreeSet<&Address>) -> Option<String> {
        self.look_at(account, &later).await?;
        self.chain.aws().clock().sleep(SECOND_LOOK).await;
        self.look_at(account, &later).await
    }

    async fn look_at(&self, account: AccountId, later: &BTreeSet<&Address>) -> Option<String> {
        let options = SurveyOptions {
            selection: self.options.selection.clone().only(account),
            // What a canary that is in sync would lose next is for the next run.
            prune: false,
            ..self.options.clone()
        };
        // Its events would read as if the run began anew.
        let silent = Events::nowhere();
        let seen = Survey::new(self.chain, self.profiles, &silent).plan(self.baseline, &options).await;
        if let Some(unreadable) = seen.unreadable.first() {
            return Some(format!("{}", unreadable.error));
        }
        if let Some(change) = seen.changes.iter().find(|change| !later.contains(&change.address)) {
            return Some(format!("{} is not as it should be: {}", change.address, change.reason));
        }
        let before: BTreeSet<&Address> = self.agreed.blocked.iter().map(|blocked| &blocked.address).collect();
        let new = seen.blocked.iter().find(|blocked| !before.contains(&blocked.address));
        new.map(|blocked| format!("{} is blocked: {}", blocked.address, blocked.reason))
    }
}

/// Makes a change, and says how it ended.
async fn make(index: usize, change: &Change, known: BTreeMap<Address, Arn>, doors: &Doors<'_>) -> Happened {
    match write(change, &known, doors).await {
        Err(error) => match change.desired.serves(&change.address, &error) {
            Some(arn) if change.action != Action::Delete => Happened::EndedInPart(index, arn, error),
            _ => Happened::Ended(index, Err(error)),
        },
        made => Happened::Ended(index, made),
    }
}

async fn write(change: &Change, known: &BTreeMap<Address, Arn>, doors: &Doors<'_>) -> Result<Option<Arn>, OpError> {
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
    if let Some(helper) = helper(&spec)
        && let Some(account) = doors.profiles.account(change.address.target.account)
    {
        let helping = doors.open(helper, &change.address).await?;
        prepare(&spec, &order, &helping, account).await?;
    }
    match spec.apply(change.seen.as_ref().map(|found| &found.spec), &order).await {
        Ok(arn) => Ok(Some(arn)),
        Err(error) => Err(with_rivals(error, &spec, &order).await),
    }
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

    /// One change of the account has ended, made or not.
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

/// The record broke at the very line that says that the first change begins.
fn unrecorded(change: &Change) -> OpError {
    let mut error = unknown_account(&change.address);
    error.operation = "Record".to_owned();
    error.message = format!("nothing was sent: {}", Halt::NoRecord);
    error.hint = Some(Halt::NoRecord.hint().to_owned());
    error
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
