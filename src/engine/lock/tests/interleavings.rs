//! Two or three contenders who come, work, die and lose their network at any time.

use futures::future::join_all;
use proptest::prelude::*;

use super::*;

/// What one contender goes through.
#[derive(Debug, Clone)]
struct Fate {
    comes: Duration,
    works: Duration,
    lease: Duration,
    latency: Duration,
    /// Whether it is killed when its work is done, rather than releasing the lock.
    dies: bool,
    /// After how much of its work the network is gone, and for how long.
    outage: Option<(Duration, Duration)>,
    lost_answers: u32,
    /// How long AWS takes for what is written under the lock: at most a quarter of the lease, as the answer to one
    /// attempt is waited for.
    answers: Duration,
}

/// How it ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Lost,
    Never,
}

fn fate() -> impl Strategy<Value = Fate> {
    let millis = |range| prop::strategy::Strategy::prop_map(range, Duration::from_millis);
    let outage = prop::option::weighted(0.4, (millis(0..100_000u64), millis(0..200_000u64)));
    (
        millis(0..200_000u64),
        millis(0..300_000u64),
        millis(2..120u64).prop_map(|lease| lease * 1000),
        millis(1..400u64),
        any::<bool>(),
        outage,
        0..4u32,
        0.01..0.99f64,
    )
        .prop_map(|(comes, works, lease, latency, dies, outage, lost_answers, part)| Fate {
            comes,
            works,
            lease,
            latency,
            dies,
            outage,
            lost_answers,
            answers: (lease / 4).mul_f64(part),
        })
}

/// Who believes to have the lock.
#[derive(Default)]
struct Inside(Mutex<Option<usize>>);

impl Inside {
    fn enter(&self, who: usize) {
        let was = self.0.lock().unwrap().replace(who);
        assert_eq!(was, None, "{who} came in");
    }

    fn leave(&self) {
        *self.0.lock().unwrap() = None;
    }
}

async fn live(bed: &Bed, who: usize, fate: &Fate, inside: &Inside, writing: &Inside) -> End {
    bed.clock.sleep(fate.comes).await;
    let mut road = bed.road();
    road.latency = fate.latency;
    road.lost_answers = Mutex::new(fate.lost_answers);
    let road = Arc::new(road);
    let mut contender = bed.contender(u16::try_from(who).unwrap(), Duration::from_secs(86_400));
    contender.record.lease_seconds = fate.lease.as_secs();
    let Ok(held) = contender.take(&*road).await else { return End::Never };
    let now = bed.clock.elapsed();
    *road.outage.lock().unwrap() = fate.outage.map(|(after, length)| (now + after, now + after + length));
    let fence: Arc<Fence> = Arc::default();
    let kept = Kept::start(road, bed.clock.clone(), fence.clone(), held);
    inside.enter(who);
    let mut loss = kept.watch_loss();
    let held = async {
        let end = tokio::select! {
            lost = loss.wait_for(|lost| *lost) => if lost.is_ok() { End::Lost } else { End::Never },
            () = bed.clock.sleep(fate.works) => End::Done,
        };
        inside.leave();
        end
    };
    // What a change sends goes on when the lock is lost, as far as it gets.
    let over = bed.clock.elapsed() + fate.works;
    let writes = async {
        while bed.clock.elapsed() < over && fence.pass(&bed.clock).await.is_ok() {
            writing.enter(who);
            bed.clock.sleep(fate.answers).await;
            writing.leave();
            bed.clock.sleep(Duration::from_millis(100)).await;
        }
    };
    let (end, ()) = tokio::join!(held, writes);
    if fate.dies {
        kept.die();
    } else {
        // With the network gone it cannot; its lease ends it then.
        let _ = kept.let_go().await;
    }
    end
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_do_two_have_it_and_everybody_gets_it(fates in prop::collection::vec(fate(), 2..=3), seed: u64) {
        fastrand::seed(seed);
        let bed = Bed::new();
        let (inside, writing) = (Inside::default(), Inside::default());
        let ends = bed.run(join_all(fates.iter().enumerate().map(|(who, fate)| live(&bed, who, fate, &inside, &writing))));
        for (end, fate) in ends.iter().zip(&fates) {
            prop_assert_ne!(end, &End::Never, "{:?}", &fates);
            // Without a reason nobody loses it: neither latency nor a lost answer is one.
            if fate.outage.is_none() && fate.lease >= Duration::from_secs(10) {
                prop_assert_eq!(end, &End::Done, "{:?}", &fates);
            }
        }
    }
}
