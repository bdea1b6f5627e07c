//! Which replication rules and grants let logs out.

use super::*;

fn parse(text: &str, root: &str) -> Element {
    Element::parse(text.as_bytes(), root).unwrap()
}

fn logs() -> Logs {
    Logs { prefix: "AWSLogs/".to_owned(), accounts: ["333333333333".to_owned()].into() }
}

/// A replication rule with this filter and this owner of its destination.
fn rule(filter: &str, account: &str) -> Element {
    let text = format!(
        "<ReplicationConfiguration><Role>arn:aws:iam::222222222222:role/copy</Role><Rule><ID>copy</ID>\
         <Status>Enabled</Status>{filter}<Destination><Bucket>arn:aws:s3:::elsewhere</Bucket>{account}</Destination>\
         </Rule></ReplicationConfiguration>"
    );
    parse(&text, "ReplicationConfiguration")
}

fn outlets(configuration: &Element) -> Vec<String> {
    let found = replicated(configuration, &logs(), |id| id == "555555555555");
    found.into_iter().map(|outlet| outlet.reason).collect()
}

#[test]
fn a_rule_that_copies_logs_to_a_stranger_is_an_outlet() {
    let stranger = "<Account>999999999999</Account>";
    let told = |rule: &Element| {
        let said = outlets(rule).join("\n");
        said.strip_prefix("replication rule `copy` of the bucket, which is not ours, copies logs to ")
            .unwrap()
            .to_owned()
    };
    let whole = rule("<Filter><Prefix></Prefix></Filter>", stranger);
    assert_eq!(told(&whole), "arn:aws:s3:::elsewhere of account 999999999999, which is not in the profiles");
    let unowned = rule("<Prefix>AWSLogs/</Prefix>", "");
    assert_eq!(told(&unowned), "arn:aws:s3:::elsewhere and does not say whose it is");
    assert_eq!(outlets(&rule("<Prefix/>", "<Account>555555555555</Account>")), [""; 0], "one of ours");
    assert_eq!(outlets(&rule("<Filter><Prefix>tmp/</Prefix></Filter>", stranger)), [""; 0], "not our logs");
    let tag = "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>";
    assert_eq!(outlets(&rule(tag, stranger)), [""; 0], "logs bear no tags");
    let off = rule("<Prefix/>", stranger).document().replace("Enabled", "Disabled");
    assert_eq!(outlets(&parse(&off, "ReplicationConfiguration")), [""; 0]);
}

fn list(grantee: &str, permission: &str) -> Vec<Grant> {
    let text = format!(
        "<AccessControlPolicy><Owner><ID>me</ID></Owner><AccessControlList><Grant><Grantee><ID>me</ID></Grantee>\
         <Permission>FULL_CONTROL</Permission></Grant><Grant><Grantee>{grantee}</Grantee><Permission>{permission}\
         </Permission></Grant></AccessControlList></AccessControlPolicy>"
    );
    grants(&parse(&text, "AccessControlPolicy"))
}

#[test]
fn a_grant_counts_for_whom_it_is() {
    let group = |name: &str| format!("<URI>http://acs.amazonaws.com/groups/{name}</URI>");
    let said = |grants: &[Grant], ignored| granted(grants, ignored).into_iter().map(|o| o.reason).collect::<Vec<_>>();
    assert!(list("<ID>me</ID>", "READ").is_empty(), "the owner's own");
    let everyone = list(&group("global/AllUsers"), "READ");
    assert_eq!(said(&everyone, false), ["the bucket's access control list grants READ to everyone"]);
    assert!(said(&everyone, true).is_empty(), "public lists are ignored");
    let somebody = list("<ID>abc</ID>", "FULL_CONTROL");
    assert_eq!(
        said(&somebody, true),
        [
            "the bucket's access control list grants FULL_CONTROL to the canonical user abc: whose that is cannot be told"
        ]
    );
    let delivery = list(&group("s3/LogDelivery"), "WRITE");
    assert!(said(&delivery, false).is_empty() && delivery[0].lets_delivery_write());
    assert_eq!(delivery[0].phrase(), "S3's log delivery group (WRITE)");
    // Nothing that delivers logs reads them.
    assert_eq!(said(&list(&group("s3/LogDelivery"), "READ"), false).len(), 1);
    let cloudfront = list(&format!("<ID>{}</ID>", CLOUDFRONT[0]), "FULL_CONTROL");
    assert!(said(&cloudfront, false).is_empty() && cloudfront[0].lets_delivery_write());
}

#[test]
fn a_default_retention_is_told_in_days() {
    let lock = |rule: &str| {
        let text = format!(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        );
        default_retention(&parse(&text, "ObjectLockConfiguration"))
    };
    let rule = |time: &str| format!("<Rule><DefaultRetention><Mode>COMPLIANCE</Mode>{time}</DefaultRetention></Rule>");
    assert_eq!(lock(""), None);
    let years = lock(&rule("<Years>2</Years>")).unwrap();
    assert_eq!((years.days, years.time.as_str(), years.mode.as_str()), (730, "2 years", "COMPLIANCE"));
    assert_eq!(lock(&rule("<Days>30</Days>")).unwrap().days, 30);
}
