//! Whether what the accounts send arrives: asked of the policies of the bucket and the key once per run.

use std::collections::BTreeMap;

use super::{AccountReading, Survey};
use crate::model::{AccountId, Address, OpError};
use crate::plan::{Plan, Selection};
use crate::services::Declared;
use crate::services::delivery::{self, Stopped};

impl Survey<'_> {
    /// Whether other people's statements keep the logs out of the bucket, or away from the key.
    pub(super) fn look_at_delivery(
        &self,
        declared: &Declared<'_>,
        holders: &BTreeMap<AccountId, Result<AccountReading, OpError>>,
        selection: &Selection,
        plan: &mut Plan,
    ) {
        let readings = holders.values().filter_map(|held| held.as_ref().ok()).flat_map(|a| a.readings.values());
        let found = readings.filter_map(|reading| reading.as_ref().ok()).flat_map(|reading| &reading.found);
        let Stopped { undelivered, notes } = delivery::stopped(declared, found);
        let takes = |address: &Address| {
            let account = self.profiles.account(address.target.account);
            account.is_some_and(|account| selection.takes_account(account)) && selection.takes(address)
        };
        // Also where the run is narrowed away from the bucket, as long as one of those whose logs are lost is looked at.
        let selected =
            undelivered.into_iter().filter(|(one, senders)| takes(&one.address) || senders.iter().any(takes));
        plan.undelivered.extend(selected.map(|(one, _)| one));
        plan.notes.extend(notes);
    }
}
