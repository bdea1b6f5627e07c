//! `[rollout]`.

use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::RawRollout;
use crate::config::rollout::{Limits, RawTolerance, Tolerance, ToleranceError};

/// Checks how many failures are tolerated; what is left out, or wrong, is as by default.
pub(super) fn check_rollout(at: Option<&Section<RawRollout>>, findings: &mut Findings) -> Limits {
    let mut check = |name: &str, at: Option<&At<RawTolerance>>| {
        at.and_then(|at| check_tolerance(name, at, findings)).unwrap_or_default()
    };
    Limits {
        max_failures: check("max_failures", at.and_then(|at| at.max_failures.as_ref())),
        max_failures_overall: check("max_failures_overall", at.and_then(|at| at.max_failures_overall.as_ref())),
    }
}

fn check_tolerance(name: &str, at: &At<RawTolerance>, findings: &mut Findings) -> Option<Tolerance> {
    let text = match &**at {
        RawTolerance::Number(number) => {
            return usize::try_from(*number)
                .inspect_err(|_| {
                    findings
                        .error(at.span(), format!("`{name}` cannot be {number}"))
                        .label("0, 1, 2 and so on are expected, or a percentage such as \"10%\"");
                })
                .map(Tolerance::Accounts)
                .ok();
        }
        RawTolerance::Text(text) => text,
    };
    match text.parse() {
        Ok(percent @ Tolerance::Percent(_)) => return Some(percent),
        Ok(Tolerance::Accounts(number)) => {
            findings
                .error(at.span(), format!("`{text}` is a number in quotation marks"))
                .label("a percentage is expected where there are any")
                .help(format!("write {name} = {number} for accounts, {name} = \"{number}%\" for a percentage"));
        }
        Err(ToleranceError::MoreThanAll(_)) => {
            findings
                .error(at.span(), format!("{text} is more than all accounts"))
                .label("\"0%\" to \"100%\" is expected");
        }
        Err(ToleranceError::Malformed(_)) => {
            findings
                .error(at.span(), format!("`{text}` is neither a number of accounts nor a percentage"))
                .label("a number such as 3, or a percentage such as \"10%\", is expected");
        }
    }
    None
}
