//! Drift of the log bucket, field by field: shown exactly, and repaired.

use serde_json::{Value, json};

use crate::support::estate::{Admin, BASELINE, BUCKET, BUCKET_ADDRESS, Estate, HOME, PROFILES, SECURITY, blocked};

fn edit(estate: &Estate, admin: &Admin, change: impl Fn(&mut Vec<Value>)) {
    let mut policy = estate.bucket(BUCKET)["policy"].clone();
    change(policy["Statement"].as_array_mut().unwrap());
    admin.s3("PUT", &format!("/{BUCKET}?policy"), &policy.to_string());
}

fn encryption(algorithm: &str, key: Option<&str>, bucket_key: bool) -> String {
    let key = key.map(|key| format!("<KMSMasterKeyID>{key}</KMSMasterKeyID>")).unwrap_or_default();
    format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{algorithm}\
         </SSEAlgorithm>{key}</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>{bucket_key}</BucketKeyEnabled>\
         </Rule></ServerSideEncryptionConfiguration>"
    )
}

/// Our retention rule with these days, and other rules.
pub fn lifecycle(status: &str, days: u32, noncurrent: u32, others: &str) -> String {
    format!(
        "<LifecycleConfiguration><Rule><ID>BaselineRetention</ID><Filter><Prefix></Prefix></Filter><Status>{status}\
         </Status><Expiration><Days>{days}</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>{noncurrent}\
         </NoncurrentDays></NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7\
         </DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>{others}</LifecycleConfiguration>"
    )
}

fn tagging(tags: &[(&str, &str)]) -> String {
    let tags: String =
        tags.iter().map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")).collect();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

#[test]
fn every_field_of_the_bucket_is_watched_and_repaired() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let key = estate.key_arn();
    let s3 = |method: &str, sub_resource: &str, body: &str| {
        admin.s3(method, &format!("/{BUCKET}?{sub_resource}"), body);
    };
    let access = |acls: bool, ignore: bool, policy: bool, restrict: bool| {
        format!(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>{acls}</BlockPublicAcls><IgnorePublicAcls>{ignore}\
             </IgnorePublicAcls><BlockPublicPolicy>{policy}</BlockPublicPolicy><RestrictPublicBuckets>{restrict}\
             </RestrictPublicBuckets></PublicAccessBlockConfiguration>"
        )
    };
    let write = "policy>Statement>BaselineCloudTrailWrite333333333333";
    type Tampering<'a> = (&'a str, Box<dyn Fn() + 'a>, String);
    let cases: Vec<Tampering<'_>> = vec![
        (
            "no public access block",
            Box::new(|| s3("DELETE", "publicAccessBlock", "")),
            ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"]
                .map(|field| format!("public_access_block>{field}"))
                .join(", "),
        ),
        (
            "public ACLs",
            Box::new(|| s3("PUT", "publicAccessBlock", &access(false, true, true, true))),
            "public_access_block>block_public_acls".to_owned(),
        ),
        (
            "public ACLs honoured",
            Box::new(|| s3("PUT", "publicAccessBlock", &access(true, false, true, true))),
            "public_access_block>ignore_public_acls".to_owned(),
        ),
        (
            "public policies",
            Box::new(|| s3("PUT", "publicAccessBlock", &access(true, true, false, true))),
            "public_access_block>block_public_policy".to_owned(),
        ),
        (
            "public policies honoured",
            Box::new(|| s3("PUT", "publicAccessBlock", &access(true, true, true, false))),
            "public_access_block>restrict_public_buckets".to_owned(),
        ),
        ("no ownership controls", Box::new(|| s3("DELETE", "ownershipControls", "")), "object_ownership".to_owned()),
        (
            "writers own",
            Box::new(|| {
                let rule = "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>";
                s3("PUT", "ownershipControls", &format!("<OwnershipControls>{rule}</OwnershipControls>"));
            }),
            "object_ownership".to_owned(),
        ),
        (
            "versioning suspended",
            Box::new(|| {
                let status = "<Status>Suspended</Status>";
                s3("PUT", "versioning", &format!("<VersioningConfiguration>{status}</VersioningConfiguration>"));
            }),
            "versioning".to_owned(),
        ),
        (
            "S3's own encryption",
            Box::new(|| s3("PUT", "encryption", &encryption("AES256", None, false))),
            "encryption>algorithm, encryption>bucket_key, encryption>key".to_owned(),
        ),
        (
            "encryption removed",
            Box::new(|| s3("DELETE", "encryption", "")),
            "encryption>algorithm, encryption>bucket_key, encryption>key".to_owned(),
        ),
        (
            "AWS's key",
            Box::new(|| s3("PUT", "encryption", &encryption("aws:kms", None, true))),
            "encryption>key".to_owned(),
        ),
        (
            "another key",
            Box::new(|| {
                let other = format!("arn:aws:kms:{HOME}:{SECURITY}:key/00000000-0000-4000-a000-000000000000");
                s3("PUT", "encryption", &encryption("aws:kms", Some(&other), true));
            }),
            "encryption>key".to_owned(),
        ),
        (
            "no bucket key",
            Box::new(|| s3("PUT", "encryption", &encryption("aws:kms", Some(&key), false))),
            "encryption>bucket_key".to_owned(),
        ),
        ("no lifecycle", Box::new(|| s3("DELETE", "lifecycle", "")), "noncurrent_days, retention_days".to_owned()),
        (
            "shorter retention",
            Box::new(|| s3("PUT", "lifecycle", &lifecycle("Enabled", 1, 1, ""))),
            "noncurrent_days, retention_days".to_owned(),
        ),
        (
            "retention switched off",
            Box::new(|| s3("PUT", "lifecycle", &lifecycle("Disabled", 400, 400, ""))),
            "lifecycle_rule>Status, noncurrent_days, retention_days".to_owned(),
        ),
        (
            "retention narrowed to a tag",
            Box::new(|| {
                let tag = "<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>";
                let whole = "<Filter><Prefix></Prefix></Filter>";
                s3("PUT", "lifecycle", &lifecycle("Enabled", 400, 400, "").replace(whole, tag));
            }),
            "lifecycle_rule>Filter>Tag>Key, lifecycle_rule>Filter>Tag>Value, noncurrent_days, retention_days"
                .to_owned(),
        ),
        (
            "retention narrowed to a prefix in the old form",
            Box::new(|| {
                let whole = "<Filter><Prefix></Prefix></Filter>";
                s3("PUT", "lifecycle", &lifecycle("Enabled", 400, 400, "").replace(whole, "<Prefix>tmp/</Prefix>"));
            }),
            "lifecycle_rule>Filter>Prefix, noncurrent_days, retention_days".to_owned(),
        ),
        (
            "logs moved to another class",
            Box::new(|| {
                let class = "<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>";
                s3("PUT", "lifecycle", &lifecycle("Enabled", 400, 400, "").replace("</Rule>", class));
            }),
            "lifecycle_rule>Transition>Days, lifecycle_rule>Transition>StorageClass".to_owned(),
        ),
        (
            "something that nobody knows yet",
            Box::new(|| {
                s3("PUT", "lifecycle", &lifecycle("Enabled", 400, 400, "").replace("</Rule>", "<New>1</New></Rule>"))
            }),
            "lifecycle_rule>New".to_owned(),
        ),
        (
            "old versions kept longer",
            Box::new(|| s3("PUT", "lifecycle", &lifecycle("Enabled", 400, 500, ""))),
            "noncurrent_days".to_owned(),
        ),
        (
            "no tags",
            Box::new(|| s3("DELETE", "tagging", "")),
            "tags>Baseline, tags>ManagedBy, tags>cost-center".to_owned(),
        ),
        (
            "a tag changed",
            Box::new(|| {
                let tags = [("ManagedBy", "baseline"), ("Baseline", "test"), ("cost-center", "none"), ("theirs", "1")];
                s3("PUT", "tagging", &tagging(&tags));
            }),
            "tags>cost-center".to_owned(),
        ),
        (
            "a statement gone",
            Box::new(|| {
                let sid = "BaselineCloudTrailWrite333333333333";
                edit(&estate, &admin, |statements| statements.retain(|s| s["Sid"] != sid));
            }),
            [
                "Action",
                "Condition>ArnLike>aws:SourceArn",
                "Condition>StringEquals>s3:x-amz-acl",
                "Effect",
                "Principal>Service",
                "Resource",
                "Sid",
            ]
            .map(|field| format!("{write}>{field}"))
            .join(", "),
        ),
        (
            "a statement edited",
            Box::new(|| {
                edit(&estate, &admin, |statements| {
                    let found = statements.iter_mut().find(|s| s["Sid"] == "BaselineCloudTrailWrite333333333333");
                    found.unwrap()["Resource"] = json!(format!("arn:aws:s3:::{BUCKET}/nowhere/*"));
                });
            }),
            format!("{write}>Resource"),
        ),
        (
            "plain HTTP let in",
            Box::new(|| {
                edit(&estate, &admin, |statements| statements.retain(|s| s["Effect"] != "Deny"));
            }),
            ["Action", "Condition>Bool>aws:SecureTransport", "Effect", "Principal", "Resource", "Sid"]
                .map(|field| format!("policy>Statement>BaselineDenyInsecureTransport>{field}"))
                .join(", "),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, tamper, expected) in cases {
        tamper();
        let drift = estate.drift(&[]);
        if drift != [format!("{BUCKET_ADDRESS} update {expected}")] {
            wrong.push(format!("{name}: {drift:#?}"));
        }
        estate.apply(&[]).ended(0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    estate.assert_clean();
    assert_eq!(estate.bucket(BUCKET)["tags"]["theirs"], "1", "a foreign tag survives");
}

#[test]
fn a_bucket_without_a_policy_gets_it_back() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": null }));
    let drift = estate.drift(&[]);
    assert_eq!(drift.len(), 1, "{drift:#?}");
    assert!(drift[0].starts_with(&format!("{BUCKET_ADDRESS} update policy>")), "{drift:#?}");
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}

#[test]
fn a_bucket_in_the_classic_region_is_made_without_a_location() {
    let profiles = PROFILES.replace("home_region = \"eu-west-1\"", "home_region = \"us-east-1\"");
    let estate = Estate::converged(&profiles, BASELINE);
    assert_eq!(estate.bucket("baseline-logs-222222222222-us-east-1")["region"], "us-east-1");
    estate.assert_clean();
}

/// Puts a log into the bucket.
fn fill(admin: &Admin) {
    admin.s3("PUT", &format!("/{BUCKET}/AWSLogs/222222222222/CloudTrail/log.json.gz"), "records");
}

fn days(estate: &Estate, admin: &Admin) -> Option<String> {
    let rules = admin.s3("GET", &format!("/{BUCKET}?lifecycle"), "");
    assert!(estate.sandbox.mutating_calls() > 0);
    let (_, rest) = rules.split_once("<Days>")?;
    Some(rest.split_once('<')?.0.to_owned())
}

#[test]
fn retention_of_logs_that_exist_is_not_shortened_without_leave() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    let shorter = BASELINE.replace("retention_days = 400", "retention_days = 30");

    // An empty bucket loses nothing.
    estate.write_baseline(&shorter);
    assert_eq!(estate.drift(&[]), [format!("{BUCKET_ADDRESS} update noncurrent_days, retention_days")]);
    estate.write_baseline(BASELINE);

    fill(&admin);
    estate.write_baseline(&shorter);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(3));
    assert_eq!(
        blocked(&document),
        [format!(
            "{BUCKET_ADDRESS}: logs are kept for 400 days and would be kept for 30 days: retention is not shortened"
        )]
    );
    let hint = document["blocked"][0]["hint"].as_str().unwrap();
    assert!(hint.contains("--allow-data-loss"), "{hint}");
    crate::assert_screen!("shorter_retention", estate.apply(&[]).ended(3).out);
    assert_eq!(days(&estate, &admin).as_deref(), Some("400"), "the longer one is kept");

    estate.apply(&["--allow-data-loss"]).ended(0);
    assert_eq!(days(&estate, &admin).as_deref(), Some("30"));
    estate.assert_clean();

    // Longer is always welcome, and so is for ever.
    estate.write_baseline(BASELINE);
    estate.apply(&[]).ended(0);
    assert_eq!(days(&estate, &admin).as_deref(), Some("400"));
    estate.write_baseline(&BASELINE.replace("retention_days = 400", ""));
    estate.apply(&[]).ended(0);
    estate.assert_clean();
    estate.write_baseline(BASELINE);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!((code, blocked(&document).len()), (Some(3), 1), "kept for ever so far: {document:#}");
}

/// What was kept back does not hold up what else has to be repaired there.
#[test]
fn other_drift_is_repaired_beside_a_retention_that_is_kept() {
    let estate = Estate::converged(PROFILES, BASELINE);
    fill(&estate.admin(SECURITY));
    estate.write_baseline(&BASELINE.replace("retention_days = 400", "retention_days = 30"));
    estate.tamper(json!({ "do": "suspend-versioning", "bucket": BUCKET }));
    estate.apply(&[]).ended(3);
    assert_eq!(estate.bucket(BUCKET)["versioning"], "Enabled");
}

/// Somebody made our rule drop old versions early: that is shorter than declared, not longer.
#[test]
fn a_rule_of_ours_that_was_made_shorter_is_repaired_although_there_are_logs() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let admin = estate.admin(SECURITY);
    fill(&admin);
    admin.s3("PUT", &format!("/{BUCKET}?lifecycle"), &lifecycle("Enabled", 400, 1, ""));
    assert_eq!(estate.drift(&[]), [format!("{BUCKET_ADDRESS} update noncurrent_days")]);
    estate.apply(&[]).ended(0);
    estate.assert_clean();
}
