//! `[[events.forward]]`: what is selected, and what is told of it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

use super::RULE_PREFIX;
use super::config::{Forward, Preset, RawForward, RawTransform, Selected, Transform, is_name};
use super::overlap::may_both_match;
use super::pattern;
use super::read_only::{Share, share};
use crate::config::{
    At, Context, Findings, JsonFault, Overridable, Problem, Section, did_you_mean, read_json, table_name,
};
use crate::model::Region;
use crate::services::cloudtrail::config::ManagementEvents;

/// How many paths an input transformer takes (EventBridge API Reference, `InputTransformer`).
const MOST_PATHS: usize = 100;

/// How long a template may be (EventBridge API Reference, `InputTransformer`).
const MOST_TEMPLATE_CHARS: usize = 8_192;

/// How long a rule's name may be (EventBridge API Reference, `PutRule`).
const MOST_NAME_CHARS: usize = 64;

/// How many accounts a message names before it counts the rest.
const NAMED_IN_MESSAGE: usize = 5;

/// Checks everything of a list that is forwarded; `path` is the list's place among the keys.
pub(crate) fn check_forwards(
    listed: &[Section<RawForward>],
    path: &str,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Vec<Forward>> {
    let mut all: Vec<(Forward, Range<usize>)> = Vec::new();
    let mut whole = true;
    for (index, at) in listed.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(forward) = check_forward(at, &path, context, findings) else {
            whole = false;
            continue;
        };
        let span = at.name.as_ref().map(At::span).or(at.preset.as_ref().map(At::span)).unwrap_or_else(|| at.span());
        if let Some((_, first)) = all.iter().find(|(other, _)| other.name == forward.name) {
            findings
                .error(span.clone(), format!("two of {} are called `{}`", table_name(&path), forward.name))
                .label("again")
                .also(first.clone(), "first here")
                .help("give one of them another `name`: the rules are called by it");
            whole = false;
        }
        all.push((forward, span));
    }
    if context.raw.notify.is_some() {
        warn_of_overlaps(&all, findings);
    }
    whole.then(|| all.into_iter().map(|(forward, _)| forward).collect())
}

/// Warns of patterns of one's own that can match what another selection matches, too. Presets leave out what another one
/// tells of.
fn warn_of_overlaps(all: &[(Forward, Range<usize>)], findings: &mut Findings) {
    let pattern = |forward: &Forward| match &forward.what {
        Selected::Pattern(pattern) => pattern.clone(),
        Selected::Preset { preset, minimum_severity } => preset.pattern(*minimum_severity, &ANY_RULE.into()),
    };
    let is_own = |forward: &Forward| matches!(forward.what, Selected::Pattern(_));
    for (index, (forward, span)) in all.iter().enumerate().filter(|(_, (forward, _))| is_own(forward)) {
        let others =
            all.iter().enumerate().filter(|(other, (with, _))| *other < index || (*other > index && !is_own(with)));
        let meeting: Vec<String> = others
            .filter(|(_, (other, _))| may_both_match(&pattern(forward), &pattern(other)))
            .map(|(_, (other, _))| format!("`{}`", other.name))
            .collect();
        if meeting.is_empty() {
            continue;
        }
        findings
            .warning(
                span.clone(),
                format!("one event can be told of by `{}` and by {}", forward.name, meeting.join(", ")),
            )
            .label("both match it, and it is forwarded by both: up to four messages")
            .help("let the pattern leave out what the others select, such as by `eventName` or `errorCode`");
    }
}

/// What stands for the names of AWS Config rules, which say nothing about other patterns.
const ANY_RULE: [&str; 1] = ["any"];

fn check_forward(
    at: &Section<RawForward>,
    path: &str,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Forward> {
    let struck = |findings: &Findings, key: &str| findings.is_struck(&format!("{path}.{key}"));
    let what = match (&at.preset, &at.pattern) {
        (Some(preset), Some(pattern)) => {
            findings
                .error(pattern.span(), "both `preset` and `pattern` select events here")
                .label("a pattern of one's own")
                .also(preset.span(), "and a preset")
                .help("leave one of them out, or make two [[events.forward]] of it");
            return None;
        }
        (Some(preset), None) => check_preset(at, preset, context, findings),
        (None, Some(pattern)) => {
            let checked = check_pattern(pattern, findings);
            if let Some(checked) = &checked {
                warn_of_unheard(at, pattern, checked, context, findings);
            }
            checked.map(Selected::Pattern)
        }
        (None, None) => {
            if !struck(findings, "preset") && !struck(findings, "pattern") {
                let presets: Vec<&str> = Preset::ALL.iter().map(|preset| preset.as_str()).collect();
                findings
                    .error(at.span(), "neither `preset` nor `pattern` selects events here")
                    .label("needs one of them")
                    .help(format!("presets are {}", presets.join(", ")));
            }
            return None;
        }
    };
    if let Some(severity) = &at.minimum_severity
        && at.preset.as_ref().is_none_or(|preset| **preset != Preset::GuarddutyFindings)
    {
        findings
            .error(severity.span(), "`minimum_severity` has no effect here")
            .label("only the preset guardduty-findings knows it")
            .help("take this line out");
        return None;
    }
    let read_only_events = at.read_only_events.as_ref().filter(|asked| ***asked);
    if let (Some(asked), Some(preset)) = (read_only_events, &at.preset)
        && **preset != Preset::RootLogin
    {
        findings
            .error(asked.span(), "`read_only_events` has no effect here")
            .label(format!("`{}` selects no calls that begin with Get, List or Describe", preset.as_str()))
            .help("take this line out");
        return None;
    }
    if let Some(asked) = read_only_events {
        warn_of_unrecorded(asked.span(), context, findings);
    }
    let read_only_events = read_only_events.is_some();
    let name = check_forward_name(at, path, findings);
    let transform = check_message(at, context, findings);
    Some(Forward { name: name?, what: what?, transform: transform?, read_only_events })
}

/// Warns of what a pattern asks for and EventBridge keeps from the rule.
fn warn_of_unheard(
    at: &Section<RawForward>,
    pattern: &At<String>,
    checked: &Value,
    context: &Context<'_>,
    findings: &mut Findings,
) {
    const HELP: &str = "say `read_only_events = true` in this [[events.forward]]; such calls are many, and what is \
                        forwarded is billed: let the pattern say which";
    let asked = at.read_only_events.as_ref().is_some_and(|asked| **asked);
    let place = |name: &str| {
        let quoted = format!("\"{name}\"");
        pattern.find(&quoted).map_or_else(|| pattern.span(), |start| place_in(pattern, start, quoted.len()))
    };
    match share(checked) {
        Share::All if !asked => {
            findings
                .warning(pattern.span(), "no event reaches this rule")
                .label("read-only management events (Get, List, Describe) only, which EventBridge keeps from rules")
                .help(HELP);
            warn_of_unrecorded(pattern.span(), context, findings);
        }
        Share::Some { named } if !asked && !named.is_empty() => {
            findings
                .warning(place(&named[0]), format!("{} does not reach this rule", named.join(", ")))
                .label("a read-only management event (Get, List, Describe), which EventBridge keeps from rules")
                .help(HELP);
        }
        Share::Nothing if asked => {
            let span = at.read_only_events.as_ref().map_or_else(|| at.span(), At::span);
            findings
                .warning(span, "`read_only_events` has no effect here")
                .label("the pattern selects no call that begins with Get, List or Describe")
                .help("take this line out");
        }
        _ => {}
    }
}

/// Warns where the trail does not record what is asked for.
fn warn_of_unrecorded(span: Range<usize>, context: &Context<'_>, findings: &mut Findings) {
    let Some(said) = context.raw.cloudtrail.as_ref().and_then(|trail| trail.management_events.as_ref()) else { return };
    if **said == ManagementEvents::Write {
        findings
            .warning(span, "the trail does not record read-only calls")
            .label("EventBridge hears of calls only what a trail records")
            .also(said.span(), "changes alone are recorded")
            .help("record all management events: leave `management_events` out of [cloudtrail]");
    }
}

fn check_forward_name(at: &Section<RawForward>, path: &str, findings: &mut Findings) -> Option<String> {
    let Some(name) = &at.name else {
        if at.preset.is_none() && !findings.is_struck(&format!("{path}.name")) {
            findings
                .error(at.span(), format!("`name` is missing in {}", table_name(path)))
                .label("a pattern of one's own needs one")
                .help("the rules are called by it");
        }
        return at.preset.as_ref().map(|preset| preset.as_str().to_owned());
    };
    let most = MOST_NAME_CHARS - RULE_PREFIX.len();
    let fault = if !(1..=most).contains(&name.chars().count()) {
        format!("between 1 and {most} characters are needed: rules are called {RULE_PREFIX} and this")
    } else if !is_name(name) {
        "letters, digits and .-_ are allowed".to_owned()
    } else {
        return Some(name.to_string());
    };
    findings.error(name.span(), format!("no rule can be called by `{}`", name.as_str())).label(fault);
    None
}

fn check_preset(
    at: &Section<RawForward>,
    preset: &At<Preset>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Selected> {
    let name = preset.as_str();
    if preset.needs_trail() && context.raw.cloudtrail.is_none() && !findings.is_struck("cloudtrail") {
        findings
            .warning(preset.span(), format!("`{name}` needs a trail that is recording, and [cloudtrail] is left out"))
            .label("its events come through CloudTrail")
            .help("add the table [cloudtrail], unless every account has a trail that records every Region already");
    }
    if **preset == Preset::GuarddutyFindings && context.raw.guardduty.is_none() && !findings.is_struck("guardduty") {
        findings
            .warning(preset.span(), format!("`{name}` needs GuardDuty, and [guardduty] is left out"))
            .label("where no detector is on, nothing is found")
            .help("add the table [guardduty], unless detectors are on already");
    }
    if let Some(partition) = context.partition.filter(|partition| preset.needs_global_region(*partition)) {
        warn_of_region(preset, &partition.global_region(), context, findings);
    }
    if **preset == Preset::ConfigCompliance && context.raw.config.is_none() && !findings.is_struck("config") {
        findings
            .error(preset.span(), format!("`{name}` needs [config]"))
            .label("it forwards what the declared rules say, and none is declared")
            .help("add the table [config] with [[config.rule]], or forward other rules with a `pattern`");
        return None;
    }
    let minimum_severity = match at.minimum_severity.as_ref().filter(|_| **preset == Preset::GuarddutyFindings) {
        Some(severity) => Some(check_severity(severity, findings)?),
        None => None,
    };
    Some(Selected::Preset { preset: **preset, minimum_severity })
}

/// A Region that some account leaves out although events happen only there.
fn warn_of_region(preset: &At<Preset>, global: &Region, context: &Context<'_>, findings: &mut Findings) {
    let without: Vec<_> =
        context.having(Overridable::Events).filter(|account| !account.regions.holds(global)).collect();
    if without.is_empty() {
        return;
    }
    let mut names: Vec<String> =
        without.iter().take(NAMED_IN_MESSAGE).map(|account| format!("{} ({})", account.id, account.name)).collect();
    if without.len() > NAMED_IN_MESSAGE {
        names.push(format!("{} more", without.len() - NAMED_IN_MESSAGE));
    }
    let what = if preset.is_global() { "events of IAM" } else { "the root user's signing in" };
    findings
        .warning(preset.span(), format!("{global} is left out by the `regions` of {}", names.join(", ")))
        .label(format!("only {global} sees {what}"))
        .help(format!("include {global} in their `regions`: `{}` hears nothing of them otherwise", preset.as_str()));
}

/// Checks a severity, which GuardDuty gives to one decimal place (GuardDuty API Reference, `Finding`); in tenths.
fn check_severity(at: &At<f64>, findings: &mut Findings) -> Option<u32> {
    let tenths = **at * 10.0;
    let known = (0..=100_u32).find(|whole| (f64::from(*whole) - tenths).abs() < 1e-6);
    if known.is_none() {
        findings
            .error(at.span(), format!("{} is not a severity", **at))
            .label("a number from 0 to 10, with one decimal place at most")
            .help("findings of 7 and more are high, of 4 and more medium");
    }
    known
}

/// Checks a pattern of one's own.
fn check_pattern(at: &At<String>, findings: &mut Findings) -> Option<Value> {
    let value = match read_json(at) {
        Ok(value) => value,
        Err(fault) if fault.twice => {
            report(at, &fault, "this pattern", findings).help("make one list of the two");
            return None;
        }
        Err(fault) => {
            report(at, &fault, "this pattern", findings)
                .help("an event pattern reads {\"source\": [\"aws.ec2\"]}; put it between ''' and '''");
            return None;
        }
    };
    if let Some(fault) = pattern::fault(&value) {
        let quoted = fault.path.last().map(|key| format!("\"{key}\""));
        let place = quoted.as_deref().and_then(|quoted| {
            let mut places = at.match_indices(quoted);
            let (start, _) = places.next()?;
            places.next().is_none().then(|| place_in(at, start, quoted.len()))
        });
        let path = fault.path.join(".");
        let label = if path.is_empty() { fault.what } else { format!("`{path}`: {}", fault.what) };
        findings
            .error(place.unwrap_or_else(|| at.span()), "AWS would refuse this pattern, or it could match no event")
            .label(label)
            .maybe_help(fault.help);
        return None;
    }
    let chars = pattern::length(&value);
    if chars > pattern::MOST_CHARS {
        findings
            .error(at.span(), format!("this pattern has {chars} characters"))
            .label(format!("{} at most", pattern::MOST_CHARS))
            .help("make two [[events.forward]] of it");
        return None;
    }
    if chars > pattern::QUOTA_CHARS {
        findings
            .warning(at.span(), format!("this pattern has {chars} characters"))
            .label(format!("AWS takes {} unless the quota was raised", pattern::QUOTA_CHARS))
            .help("have the quota `Event pattern size` raised in every account and Region, or make two of it");
    }
    Some(pattern::canonical(&value))
}

/// Says what is wrong with a JSON text, and where.
fn report<'f>(at: &At<String>, fault: &JsonFault, what: &str, findings: &'f mut Findings) -> &'f mut Problem {
    let message = match fault.twice {
        true => format!("{what} has a key twice in one object: of the two, every reader keeps another"),
        false => format!("{what} is not JSON"),
    };
    findings.error(place_in(at, fault.at, 1), message).label(fault.what.clone())
}

/// The place in the file of some bytes of a value. What surrounds the value is told by its length: quotation marks
/// alone in a literal string, and a line break, too, where one follows them; a value with escapes is shown as a whole.
/// A place in the middle of a character is widened to all of it.
fn place_in(at: &At<String>, start: usize, length: usize) -> Range<usize> {
    let whole = at.span();
    let opening = match whole.len().checked_sub(at.len()) {
        Some(2) => 1,
        Some(6) => 3,
        Some(7) => 4,
        _ => return whole,
    };
    let (start, end) = (at.floor_char_boundary(start), at.ceil_char_boundary(start + length));
    let first = (whole.start + opening + start).min(whole.end);
    first..(first + (end - start)).min(whole.end)
}

/// Checks what a message says; `Some(None)` is the event as it is.
fn check_message(
    at: &Section<RawForward>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Option<Option<Transform>> {
    let raw = at.raw.as_ref().filter(|raw| ***raw);
    let heard = context.raw.notify.is_some() || findings.is_struck("notify");
    let given = at.transform.as_ref().map(|t| (t.span(), "transform")).or(raw.map(|raw| (raw.span(), "raw")));
    if let (Some((span, key)), false) = (given, heard) {
        findings
            .error(span, format!("`{key}` has no effect without [notify]"))
            .label("nothing is told of these events")
            .help("add the table [notify], or take this out");
        return None;
    }
    match (&at.transform, raw, &at.preset) {
        (Some(transform), Some(raw), _) => {
            findings
                .error(raw.span(), "`raw` and `transform` contradict each other")
                .label("the event as it is")
                .also(transform.span(), "and something else instead of it")
                .help("leave one of them out");
            None
        }
        (Some(transform), None, _) => check_transform(transform, findings).map(Some),
        (None, None, Some(preset)) => Some(Some(preset.transform())),
        (None, ..) => Some(None),
    }
}

/// Checks an input transformer (EventBridge API Reference, `InputTransformer`; EventBridge User Guide, "Input
/// transformation").
fn check_transform(at: &Section<RawTransform>, findings: &mut Findings) -> Option<Transform> {
    let mut paths = BTreeMap::new();
    let mut whole = true;
    for (name, path) in at.paths.iter().flatten() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let fault = if !(1..=256).contains(&name.len()) || !name.chars().all(allowed) {
            Some("letters, digits, - and _ are allowed")
        } else if name.to_ascii_lowercase().starts_with("aws") {
            Some("names that begin with `aws` belong to AWS")
        } else {
            None
        };
        if let Some(fault) = fault {
            findings.error(name.span(), "no part of an event can be called this").label(fault);
            whole = false;
        }
        if !is_path(path) {
            findings.error(path.span(), format!("`{}` is not a path into an event", path.as_str())).label(
                "$, names after dots, and indices are expected: $.detail.eventName, $.resources[0], $.resources[*]",
            );
            whole = false;
        }
        paths.insert(name.to_string(), path.to_string());
    }
    if paths.len() > MOST_PATHS {
        findings.error(at.span(), format!("{} paths", paths.len())).label(format!("{MOST_PATHS} at most"));
        whole = false;
    }
    let Some(template) = &at.template else {
        findings.error(at.span(), "`template` is missing in `transform`").label("needs `template`");
        return None;
    };
    if template.trim().starts_with('{')
        && template_fault(template, &paths).is_none()
        && let Err(fault) = read_json(&filled(template))
    {
        report(template, &fault, "this template", findings)
            .help("a placeholder stands for a value, as <name>, or within a text, as \"… <name> …\"");
        whole = false;
    } else if let Some((fault, help)) = template_fault(template, &paths) {
        findings.error(template.span(), "AWS would refuse this template").label(fault).maybe_help(help);
        whole = false;
    }
    whole.then(|| Transform { paths, template: template.to_string() })
}

/// Whether a text is a path that EventBridge reads: dot notation with names, array indices and wildcards (EventBridge
/// User Guide, "Amazon EventBridge input transformation"). Names in brackets are JSON Path and not among these
/// (EventBridge API Reference, `InputTransformer`: dot notation, not bracket notation).
fn is_path(path: &str) -> bool {
    let Some(mut rest) = path.strip_prefix('$').filter(|_| path.len() <= 256) else { return false };
    while !rest.is_empty() {
        rest = if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            let odd = |c: char| c.is_whitespace() || c.is_control() || "*]()?@'\"".contains(c);
            if name.is_empty() || (name != "*" && name.contains(odd)) {
                return false;
            }
            &after[end..]
        } else {
            let Some((index, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
                return false;
            };
            let is_index = !index.is_empty() && index.len() <= 6 && index.chars().all(|c| c.is_ascii_digit());
            if index != "*" && !is_index {
                return false;
            }
            after
        };
    }
    true
}

/// A template with a value of the same length in place of each placeholder that stands for one.
fn filled(template: &str) -> String {
    let (mut out, mut rest, mut quoted, mut escaped) = (String::new(), template, false, false);
    while let Some(letter) = rest.chars().next() {
        let name = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(name, _)| name);
        if let Some(name) = name.filter(|name| !quoted && is_placeholder(name)) {
            out.push('0');
            out.push_str(&" ".repeat(name.len() + 1));
            rest = &rest[name.len() + 2..];
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        out.push(letter);
        rest = &rest[letter.len_utf8()..];
    }
    out
}

fn is_placeholder(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// What is wrong with a template, and how to go on.
fn template_fault(template: &str, paths: &BTreeMap<String, String>) -> Option<(String, Option<String>)> {
    let chars = template.chars().count();
    if template.trim().is_empty() {
        return Some(("it is empty".to_owned(), None));
    }
    if chars > MOST_TEMPLATE_CHARS {
        return Some((format!("{chars} characters, and {MOST_TEMPLATE_CHARS} are the most"), None));
    }
    let named = template.split('<').skip(1).filter_map(|rest| rest.split_once('>').map(|(name, _)| name));
    let unknown = named
        .filter(|name| is_placeholder(name))
        .find(|name| !name.starts_with("aws.events.") && !paths.contains_key(*name));
    if let Some(unknown) = unknown {
        let help = did_you_mean(unknown, paths.keys().map(String::as_str));
        let help = help.unwrap_or_else(|| format!("add it to `paths`: {unknown} = \"$.detail.…\""));
        return Some((format!("`<{unknown}>` is not among `paths`"), Some(help)));
    }
    let text = template.trim();
    if text.starts_with('{') {
        return (!text.ends_with('}')).then(|| ("a JSON object ends with a brace".to_owned(), None));
    }
    let quoted = |line: &str| line.len() >= 2 && line.starts_with('"') && line.ends_with('"');
    let bare = text.lines().map(str::trim).find(|line| !line.is_empty() && !quoted(line));
    bare.map(|line| {
        let help = format!("write each line of a text in quotation marks: '\"{}\"'", line.trim_matches('"'));
        ("a text without quotation marks around it".to_owned(), Some(help))
    })
}
