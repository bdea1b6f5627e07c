use tokio::sync::watch;

use crate::report::Halt;

/// How far a run was asked to stop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// It goes on.
    #[default]
    Nothing,
    /// It starts nothing new and finishes the calls in flight.
    Finish,
    /// It does not even wait for those.
    Leave,
}

/// What a run looks at to know whether to go on; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<(Asked, Option<Halt>)>);

/// Asks a run to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<(Asked, Option<Halt>)>);

impl Stop {
    /// A pair of somebody who asks and somebody who is asked.
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel((Asked::Nothing, None));
        (Stopper(sender), Stop(receiver))
    }

    /// Nobody will ever ask.
    pub fn never() -> Stop {
        Stop::new().1
    }

    /// What was asked by now.
    pub fn asked(&self) -> Asked {
        self.0.borrow().0
    }

    /// Why it was asked first.
    pub fn why(&self) -> Halt {
        self.0.borrow().1.clone().unwrap_or(Halt::Interrupted)
    }

    /// Waits until at least this much is asked; for ever, if nobody is left to ask.
    pub async fn until(&self, asked: Asked) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|(now, _)| *now >= asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Stopper {
    /// Asks for this much, or for what was asked before where that is more.
    pub fn ask(&self, asked: Asked) {
        self.ask_because(asked, Halt::Interrupted);
    }

    /// Asks for this much, and says why, where nothing was asked before.
    pub fn ask_because(&self, asked: Asked, why: Halt) {
        self.0.send_modify(|(now, first)| {
            *now = asked.max(*now);
            first.get_or_insert(why);
        });
    }

    /// Passes on whatever is asked of somebody else, and asks to finish when `cause` comes about. Never ends.
    pub async fn follow(&self, other: &Stop, cause: impl Future<Output = ()>, why: Halt) {
        let passed_on = async {
            for asked in [Asked::Finish, Asked::Leave] {
                other.until(asked).await;
                self.ask_because(asked, other.why());
            }
            std::future::pending::<()>().await;
        };
        let caused = async {
            cause.await;
            self.ask_because(Asked::Finish, why);
            std::future::pending::<()>().await;
        };
        tokio::join!(passed_on, caused);
    }
}
