use super::*;
use crate::services::estate::id;

fn statement(sid: &str) -> Statement {
    Statement::allow(sid, ["s3:GetObject"]).for_arns(["arn:aws:iam::888888888888:root"]).on(["*"])
}

fn sender(account: &str) -> Statement {
    Statement::allow("BaselineWrite", ["s3:PutObject"]).for_services(["cloudtrail.amazonaws.com"]).on(["*"]).when(
        "StringEquals",
        "aws:SourceAccount",
        [account],
    )
}

#[test]
fn only_what_services_write_for_counts_as_admitted() {
    // The owner's own account stands in another statement of ours: that does not let its trails write.
    let owner = Statement::allow("BaselineOwner", ["kms:*"]).for_arns(["arn:aws:iam::222222222222:root"]).on(["*"]);
    let seen = SharedPolicy::ours(vec![owner.clone(), sender("222222222222"), statement("Theirs")], false);
    assert_eq!(seen.admitted(), BTreeSet::from([id("222222222222")]));
    let wanted = SharedPolicy::ours(vec![owner, sender("333333333333"), statement("Theirs")], false);
    let survival = Survival { actions: &[], resource: "*" };
    let refusals = |terms: &Terms| wanted.refusals(Some(&seen), terms, "key policy", 20_000, &survival);
    let [refusal] = &refusals(&Terms::default())[..] else { panic!("one refusal") };
    assert!(refusal.contains("no longer admit 222222222222"), "{refusal}");
    assert!(refusals(&Terms { allow_remove_accounts: true, ..Terms::default() }).is_empty());
}

#[test]
fn whoever_may_put_events_counts_as_admitted_and_the_owner_of_the_bus_does_not() {
    let bus = "arn:aws:events:eu-west-1:222222222222:event-bus/default";
    let put = || Statement::allow("BaselineForward", ["events:PutEvents"]).on([bus]);
    let roots = put().for_arns(["arn:aws:iam::333333333333:root"]);
    let condition = put().for_everyone().when("StringEquals", "aws:PrincipalAccount", ["333333333333"]);
    for statement in [roots, condition] {
        let seen = SharedPolicy::ours(vec![statement], false);
        assert_eq!(seen.admitted(), BTreeSet::from([id("333333333333")]));
        let wanted = SharedPolicy::ours(vec![put().for_arns(["arn:aws:iam::444444444444:root"])], false);
        let survival = Survival { actions: &[], resource: bus };
        let refusals = |terms: &Terms| wanted.refusals(Some(&seen), terms, "bus policy", 10_240, &survival);
        let [refusal] = &refusals(&Terms::default())[..] else { panic!("one refusal") };
        assert!(refusal.contains("no longer admit 333333333333"), "{refusal}");
        assert!(refusals(&Terms { allow_remove_accounts: true, ..Terms::default() }).is_empty());
    }
}

#[test]
fn what_other_people_wrote_is_kept_and_counted() {
    let mut seen = SharedPolicy::seen(Policy::new(vec![statement("Theirs"), sender("333333333333")]));
    let bytes = seen.foreign_bytes();
    seen.document.id = Some("somebody-named-this-document".to_owned());
    assert_eq!(seen.foreign_bytes(), bytes + r#""Id":"somebody-named-this-document","#.len());

    let mut wanted = SharedPolicy::ours(vec![sender("444444444444")], false);
    let alone = wanted.document.size();
    wanted.adopt(&seen);
    assert_eq!(wanted.document.statements, [statement("Theirs"), sender("444444444444")]);
    assert!(wanted.document.size() <= alone + seen.foreign_bytes(), "what is counted is enough");

    let mut exclusive = SharedPolicy::ours(vec![sender("444444444444")], true);
    exclusive.adopt(&seen);
    assert_eq!(exclusive.document.statements, [sender("444444444444")]);
}

#[test]
fn a_document_that_means_the_same_is_taken_as_it_is_written() {
    let written = r#"{"Version":"2012-10-17","Statement":{"Sid":"BaselineWrite","Effect":"Allow","Action":"s3:PutObject",
        "Principal":{"Service":["cloudtrail.amazonaws.com"]},"Resource":["*"],
        "Condition":{"StringEquals":{"AWS:SourceAccount":"333333333333"}}}}"#;
    let seen = SharedPolicy::seen(Policy::parse(written).unwrap());
    let mut wanted = SharedPolicy::ours(vec![sender("333333333333")], false);
    assert_eq!(wanted, seen);
    wanted.adopt(&seen);
    assert_eq!(wanted.document, seen.document);
}
