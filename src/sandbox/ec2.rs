//! EC2: only `DescribeRegions` (EC2 API Reference, 2016-11-15).

use globset::Glob;
use serde_json::Value;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Node, Protocol, Refusal};
use super::world::World;

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "ec2",
    protocol: Protocol::Ec2Query("http://ec2.amazonaws.com/doc/2016-11-15/"),
    route: None,
    resource: |_, _| String::new(),
    handle,
};

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    match call.operation {
        "DescribeRegions" => describe_regions(world, call),
        _ => Err(call.not_simulated()),
    }
}

fn describe_regions(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let known: Vec<(&str, bool)> = world.regions().collect();
    let enabled = |name: &str| name.parse().is_ok_and(|region| world.is_enabled(call.account(), &region));
    let named = list(call.input, "RegionName");
    if let Some(unknown) = named.iter().find(|name| !known.iter().any(|(region, _)| region == *name)) {
        return Err(Refusal::new(400, "InvalidParameterValue", format!("Invalid region: [{unknown}]")));
    }
    let all = call.text("AllRegions") == Some("true");
    let filters = filters(call.input)?;
    let mut items = Vec::new();
    for (region, opt_in) in known {
        let here = enabled(region);
        let status = match (opt_in, here) {
            (false, _) => "opt-in-not-required",
            (true, true) => "opted-in",
            (true, false) => "not-opted-in",
        };
        let suffix = match world.partition {
            crate::model::Partition::AwsCn => "amazonaws.com.cn",
            crate::model::Partition::AwsEusc => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let endpoint = format!("ec2.{region}.{suffix}");
        let shown = (all || here)
            && (named.is_empty() || named.contains(&region))
            && filters.iter().all(|filter| {
                let value = match filter.name {
                    "opt-in-status" => status,
                    "region-name" => region,
                    _ => &endpoint,
                };
                filter
                    .values
                    .iter()
                    .any(|pattern| Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(value)))
            });
        if shown {
            items.push(
                Node::new("item")
                    .with(Node::text("regionName", region))
                    .with(Node::text("regionEndpoint", endpoint))
                    .with(Node::text("optInStatus", status)),
            );
        }
    }
    Ok(Answer::Xml(vec![Node::new("regionInfo").with_all(items)]))
}

struct Filter<'a> {
    name: &'a str,
    values: Vec<&'a str>,
}

fn filters(input: &Value) -> Result<Vec<Filter<'_>>, Refusal> {
    let mut filters = Vec::new();
    for n in 1.. {
        let Some(name) = input.get(format!("Filter.{n}.Name")).and_then(Value::as_str) else { break };
        if !["endpoint", "opt-in-status", "region-name"].contains(&name) {
            let message = format!("The filter '{name}' is invalid");
            return Err(Refusal::new(400, "InvalidParameterValue", message));
        }
        filters.push(Filter { name, values: list(input, &format!("Filter.{n}.Value")) });
    }
    Ok(filters)
}

/// `Name.1`, `Name.2` and so on.
fn list<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    (1..).map_while(|n| input.get(format!("{name}.{n}")).and_then(Value::as_str)).collect()
}
