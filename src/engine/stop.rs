use tokio::sync::watch;

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
pub struct Stop(watch::Receiver<Asked>);

/// Asks a run to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Asked>);

impl Stop {
    /// A pair of somebody who asks and somebody who is asked.
    pub fn new() -> (Stopper, Stop) {
        let (sender, receiver) = watch::channel(Asked::Nothing);
        (Stopper(sender), Stop(receiver))
    }

    /// Nobody will ever ask.
    pub fn never() -> Stop {
        Stop::new().1
    }

    /// What was asked by now.
    pub fn asked(&self) -> Asked {
        *self.0.borrow()
    }

    /// Waits until at least this much is asked; for ever, if nobody is left to ask.
    pub async fn until(&self, asked: Asked) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Stopper {
    /// Asks for this much, or for what was asked before where that is more.
    pub fn ask(&self, asked: Asked) {
        self.0.send_modify(|now| *now = asked.max(*now));
    }
}
