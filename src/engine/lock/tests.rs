//! The lock on simulated time, against an object in memory that is as strict as S3's and as unreliable as a network.

mod interleavings;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::keeper::{Held, Kept};
use super::local::{self, Local};
use super::queue::Contender;
use super::record::{Content, Record};
use super::shelf::Shelf;
use super::*;
use crate::aws::Fence;
use crate::clock::{Clock, Simulated};
use crate::engine::{Asked, Stopper};
use crate::model::Fault;

const LEASE: Duration = Duration::from_secs(120);
const TIMEOUT: Duration = Duration::from_secs(600);

/// The object, as everybody sees it.
#[derive(Default)]
struct Object {
    body: Mutex<Option<Vec<u8>>>,
    writes: Mutex<u32>,
}

impl Object {
    /// As S3 names versions: by what is in them.
    fn version(body: &[u8]) -> Version {
        Version::new(Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    fn get(&self) -> Option<Vec<u8>> {
        self.body.lock().unwrap().clone()
    }

    fn put(&self, body: &[u8]) {
        *self.body.lock().unwrap() = Some(body.to_vec());
    }

    fn record(&self) -> Record {
        match Content::of(&self.get().unwrap()) {
            Content::Free(record) | Content::Held(record) => record,
            Content::Strange => panic!("no record"),
        }
    }

    fn writes(&self) -> u32 {
        *self.writes.lock().unwrap()
    }
}

/// One contender's way to the object.
struct Road {
    object: Arc<Object>,
    clock: Clock,
    latency: Duration,
    /// From when until when nothing gets through, by [`Clock::elapsed`].
    outage: Mutex<Option<(Duration, Duration)>>,
    /// Of how many writes the answer is lost, so that the second attempt finds that somebody was faster.
    lost_answers: Mutex<u32>,
}

impl Road {
    fn new(object: &Arc<Object>, clock: &Clock) -> Self {
        Road {
            object: object.clone(),
            clock: clock.clone(),
            latency: Duration::from_millis(20),
            outage: Mutex::default(),
            lost_answers: Mutex::default(),
        }
    }

    async fn through(&self) -> Result<(), OpError> {
        self.clock.sleep(self.latency).await;
        let now = self.clock.elapsed();
        if self.outage.lock().unwrap().is_some_and(|(from, to)| from <= now && now < to) {
            return Err(unreachable());
        }
        Ok(())
    }
}

fn unreachable() -> OpError {
    OpError {
        account: "222222222222".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        role: None,
        service: "s3".to_owned(),
        operation: "PutObject".to_owned(),
        fault: Fault::Unreachable,
        code: None,
        message: "no answer".to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

impl Shelf for Road {
    async fn read(&self) -> Result<Option<(Vec<u8>, Version)>, OpError> {
        self.through().await?;
        let read = self.object.get().map(|body| (body.clone(), Object::version(&body)));
        self.clock.sleep(self.latency).await;
        Ok(read)
    }

    async fn write(&self, body: &[u8], over: Option<&Version>) -> Result<Option<Version>, OpError> {
        self.through().await?;
        *self.object.writes.lock().unwrap() += 1;
        let written = {
            let mut now = self.object.body.lock().unwrap();
            let holds = now.as_ref().map(|now| Object::version(now)).as_ref() == over;
            if holds {
                *now = Some(body.to_vec());
            }
            holds.then(|| Object::version(body))
        };
        self.clock.sleep(self.latency).await;
        let mut lost = self.lost_answers.lock().unwrap();
        if written.is_some() && *lost > 0 {
            *lost -= 1;
            return Ok(None);
        }
        Ok(written)
    }
}

/// Two contenders' world.
struct Bed {
    time: Simulated,
    clock: Clock,
    object: Arc<Object>,
    told: Arc<Mutex<Vec<Event>>>,
    events: Events,
    stopper: Stopper,
    stop: Stop,
    /// Of the last to hold the lock.
    fence: Arc<Fence>,
}

impl Bed {
    fn new() -> Self {
        let time = Simulated::default();
        let clock = time.clock();
        let told: Arc<Mutex<Vec<Event>>> = Arc::default();
        let sink = told.clone();
        let events = Events::to(move |event| sink.lock().unwrap().push(event));
        let (stopper, stop) = Stop::new();
        Bed { time, clock, object: Arc::default(), told, events, stopper, stop, fence: Arc::default() }
    }

    fn run<T>(&self, test: impl Future<Output = T>) -> T {
        self.time.runtime().block_on(test)
    }

    fn record(&self, who: u16) -> Record {
        let owner = format!("user{who}@host{who}");
        Record::new(RunId::new(1_780_000_000, who), &owner, LEASE, self.clock.wall())
    }

    async fn contend(&self, who: u16, timeout: Duration) -> Result<Held, Halt> {
        self.contend_by(&self.road(), who, timeout).await
    }

    async fn contend_by(&self, road: &Road, who: u16, timeout: Duration) -> Result<Held, Halt> {
        self.contender(who, timeout).take(road).await
    }

    fn contender(&self, who: u16, timeout: Duration) -> Contender<'_> {
        Contender {
            record: self.record(who),
            timeout,
            began: self.clock.elapsed(),
            clock: &self.clock,
            stop: &self.stop,
            events: &self.events,
        }
    }

    fn road(&self) -> Road {
        Road::new(&self.object, &self.clock)
    }

    async fn hold(&self, who: u16) -> Kept {
        self.hold_by(Arc::new(self.road()), who).await
    }

    async fn hold_by(&self, road: Arc<Road>, who: u16) -> Kept {
        let held = self.contend_by(&road, who, TIMEOUT).await.unwrap();
        Kept::start(road, self.clock.clone(), self.fence.clone(), held)
    }

    fn told(&self) -> Vec<Event> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    async fn sleep(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

fn is_lost(kept: &Kept) -> bool {
    *kept.watch_loss().borrow()
}

#[track_caller]
fn locked_by(answer: Result<Held, Halt>) -> String {
    match answer {
        Err(Halt::Locked { holder }) => holder,
        other => panic!("{other:?}"),
    }
}

const NOBODY: Event = Event::LockTaken { over_from: None };

#[test]
fn a_free_lock_is_taken_and_released_with_two_writes_and_says_whose_it_is() {
    let bed = Bed::new();
    bed.run(async {
        let kept = bed.hold(1).await;
        let record = bed.object.record();
        assert_eq!(
            (record.state, record.owner.as_str(), record.lease_seconds),
            (record::State::Held, "user1@host1", 120)
        );
        assert_eq!(record.started, "2026-05-28T20:26:40Z");
        assert!(kept.let_go().await.unwrap());
        assert_eq!(bed.object.record().state, record::State::Released);
        assert_eq!(bed.object.writes(), 2);
        // And over the released one.
        assert!(bed.hold(2).await.let_go().await.unwrap());
        assert_eq!(bed.object.record().owner, "user2@host2");
        assert_eq!(bed.told(), [NOBODY, NOBODY]);
    });
}

#[test]
fn whoever_comes_second_waits_until_it_is_released_and_says_so_once() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        let holder = bed.object.record().to_string();
        let (second, ()) = tokio::join!(bed.contend(2, TIMEOUT), async {
            bed.sleep(400).await;
            assert!(first.let_go().await.unwrap());
        });
        assert_eq!(second.unwrap().record.owner, "user2@host2");
        assert!((Duration::from_secs(400)..Duration::from_secs(410)).contains(&bed.clock.elapsed()), "{:?}", bed.clock);
        assert_eq!(bed.told(), [NOBODY, Event::LockAwaited { holder, timeout: TIMEOUT }, NOBODY]);
    });
}

#[test]
fn waiting_ends_after_the_timeout_and_at_once_without_one() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        let writes = bed.object.writes();
        assert!(locked_by(bed.contend(2, Duration::ZERO).await).starts_with("user1@host1 (run "));
        assert!(bed.clock.elapsed() < Duration::from_secs(1));
        assert_eq!((bed.told(), bed.object.writes()), (vec![NOBODY], writes));
        locked_by(bed.contend(2, TIMEOUT).await);
        assert!((Duration::from_secs(600)..Duration::from_secs(603)).contains(&bed.clock.elapsed()), "{:?}", bed.clock);
        assert!(!is_lost(&first));
    });
}

#[test]
fn a_killed_holders_lock_is_taken_over_after_its_lease_and_not_before() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        bed.sleep(100).await;
        first.die();
        let dead = bed.object.record();
        assert!(dead.renewals >= 2, "{dead:?}");
        let began = bed.clock.elapsed();
        let second = bed.contend(2, TIMEOUT).await.unwrap();
        let waited = bed.clock.elapsed() - began;
        assert!((LEASE..LEASE + Duration::from_secs(3)).contains(&waited), "{waited:?}");
        assert_eq!(second.record.owner, "user2@host2");
        let holder = dead.to_string();
        let awaited = Event::LockAwaited { holder: holder.clone(), timeout: TIMEOUT };
        assert_eq!(bed.told(), [NOBODY, awaited, Event::LockTaken { over_from: Some(holder) }]);
    });
}

#[test]
fn the_lease_that_counts_is_the_one_that_its_holder_declared() {
    let bed = Bed::new();
    bed.run(async {
        let short = Record { lease_seconds: 3, ..bed.record(1) };
        bed.object.put(&short.bytes());
        bed.contend(2, TIMEOUT).await.unwrap();
        assert!((Duration::from_secs(3)..Duration::from_secs(5)).contains(&bed.clock.elapsed()), "{:?}", bed.clock);
    });
}

#[test]
fn whoever_waits_can_be_stopped() {
    let bed = Bed::new();
    bed.run(async {
        let _first = bed.hold(1).await;
        let (second, ()) = tokio::join!(bed.contend(2, TIMEOUT), async {
            bed.sleep(30).await;
            bed.stopper.ask(Asked::Finish);
        });
        assert!(matches!(second, Err(Halt::Interrupted)), "{second:?}");
        assert!(bed.clock.elapsed() < Duration::from_secs(31));
    });
}

#[test]
fn a_lock_that_somebody_else_released_is_lost_and_left_as_it_is() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        bed.sleep(5).await;
        bed.object.put(&bed.object.record().released(Some("somebody".to_owned())).bytes());
        let unlocked = bed.object.get();
        bed.sleep(45).await;
        assert!(is_lost(&first));
        assert!(!first.let_go().await.unwrap());
        assert_eq!(bed.object.get(), unlocked);
    });
}

#[test]
fn a_lock_that_somebody_else_took_is_not_released_by_whoever_had_it() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        bed.object.put(&bed.record(2).bytes());
        assert!(!first.let_go().await.unwrap());
        assert_eq!(bed.object.record().owner, "user2@host2");
        assert_eq!(bed.object.record().state, record::State::Held);
    });
}

#[test]
fn a_lock_that_cannot_be_renewed_is_lost_while_nobody_can_have_it_yet() {
    let bed = Bed::new();
    bed.run(async {
        let road = Arc::new(bed.road());
        let first = bed.hold_by(road.clone(), 1).await;
        *road.outage.lock().unwrap() = Some((Duration::from_secs(10), Duration::MAX));
        bed.sleep(85).await;
        assert!(!is_lost(&first));
        bed.sleep(10).await;
        assert!(is_lost(&first));
        bed.contend(2, TIMEOUT).await.unwrap();
        assert!(bed.clock.elapsed() >= LEASE);
    });
}

#[test]
fn a_short_outage_costs_nothing() {
    let bed = Bed::new();
    bed.run(async {
        let road = Arc::new(bed.road());
        let first = bed.hold_by(road.clone(), 1).await;
        *road.outage.lock().unwrap() = Some((Duration::from_secs(30), Duration::from_secs(80)));
        bed.sleep(600).await;
        assert!(!is_lost(&first));
        assert!(first.let_go().await.unwrap());
    });
}

#[test]
fn a_lost_answer_is_not_taken_for_somebody_else() {
    let bed = Bed::new();
    bed.run(async {
        let road = Arc::new(bed.road());
        *road.lost_answers.lock().unwrap() = 1;
        let first = bed.hold_by(road.clone(), 1).await;
        assert!(bed.clock.elapsed() < Duration::from_secs(1), "{:?}", bed.clock);
        assert_eq!(bed.told(), [NOBODY]);
        for _ in 0..3 {
            *road.lost_answers.lock().unwrap() = 1;
            bed.sleep(60).await;
            assert!(!is_lost(&first));
        }
        *road.lost_answers.lock().unwrap() = 1;
        assert!(first.let_go().await.unwrap());
        assert_eq!(bed.object.record().state, record::State::Released);
    });
}

#[test]
fn a_machine_that_slept_asks_before_it_goes_on() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        bed.sleep(10).await;
        assert_eq!(bed.fence.is_open(&bed.clock), Some(true));
        bed.time.suspend(Duration::from_secs(3600));
        assert_eq!(bed.fence.is_open(&bed.clock), None, "nothing is sent before it has asked");
        bed.sleep(2).await;
        // Nobody came meanwhile.
        assert!(!is_lost(&first));
        assert_eq!(bed.fence.is_open(&bed.clock), Some(true));
        assert!(bed.object.record().renewals >= 1);
        bed.time.suspend(Duration::from_secs(3600));
        bed.object.put(&bed.record(2).bytes());
        assert_eq!(bed.fence.is_open(&bed.clock), None);
        bed.sleep(2).await;
        assert!(is_lost(&first));
        assert_eq!(bed.fence.is_open(&bed.clock), Some(false));
    });
}

#[test]
fn a_machine_that_slept_and_cannot_ask_has_lost_it() {
    let bed = Bed::new();
    bed.run(async {
        let road = Arc::new(bed.road());
        let first = bed.hold_by(road.clone(), 1).await;
        bed.sleep(10).await;
        *road.outage.lock().unwrap() = Some((Duration::ZERO, Duration::MAX));
        bed.time.suspend(Duration::from_secs(3600));
        bed.sleep(2).await;
        assert!(is_lost(&first));
    });
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let bed = Bed::new();
    bed.run(async {
        bed.object.put(b"{\"format\": 7, \"state\": \"leased\"}");
        let before = bed.object.get();
        assert_eq!(locked_by(bed.contend(1, TIMEOUT).await), "something that this version cannot read");
        assert_eq!(bed.object.get(), before);
    });
}

#[test]
fn what_others_wrote_does_not_steer_the_terminal() {
    let bed = Bed::new();
    let owner = format!("\u{1b}[2J{}", "x".repeat(500));
    let text = Record { owner, started: "\u{7}now\r".to_owned(), ..bed.record(1) }.to_string();
    assert!(!text.chars().any(char::is_control) && text.len() < 250, "{text:?}");
}

#[test]
fn no_two_writes_of_a_lock_are_the_same() {
    let bed = Bed::new();
    bed.run(async {
        let first = bed.hold(1).await;
        let mut seen = vec![bed.object.get()];
        for _ in 0..10 {
            bed.sleep(42).await;
            seen.push(bed.object.get());
        }
        assert!(first.let_go().await.unwrap());
        seen.push(bed.object.get());
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    });
}

#[test]
fn a_lock_on_this_machine_waits_too_and_goes_with_its_holder() {
    let bed = Bed::new();
    let folder = tempfile::tempdir().unwrap();
    let path = local::path(Some(&folder.path().join("made/for/it")), "222222222222".parse().unwrap()).unwrap();
    bed.run(async {
        let first = Local::take(path.clone(), &bed.contender(1, TIMEOUT)).await.unwrap();
        let answer = Local::take(path.clone(), &bed.contender(2, Duration::ZERO)).await;
        let Err(Halt::Locked { holder }) = answer else { panic!("{answer:?}") };
        assert!(holder.starts_with("user1@host1 (run "), "{holder}");
        let contender = bed.contender(2, TIMEOUT);
        let (second, ()) = tokio::join!(Local::take(path.clone(), &contender), async {
            bed.sleep(40).await;
            first.release();
        });
        drop(second.unwrap());
        assert!(bed.clock.elapsed() >= Duration::from_secs(40));
        Local::take(path.clone(), &bed.contender(3, Duration::ZERO)).await.unwrap();
        assert!(matches!(bed.told()[..], [Event::LockAwaited { .. }]));
    });
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }
}

#[test]
fn a_local_lock_follows_nobodys_link() {
    let bed = Bed::new();
    let folder = tempfile::tempdir().unwrap();
    let path = local::path(Some(folder.path()), "222222222222".parse().unwrap()).unwrap();
    let target = folder.path().join("precious");
    std::fs::write(&target, "precious").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let answer = bed.run(Local::take(path, &bed.contender(1, TIMEOUT)));
    assert!(matches!(answer, Err(Halt::NoLocalLock { .. })), "{answer:?}");
    assert_eq!(std::fs::read_to_string(target).unwrap(), "precious");
}
