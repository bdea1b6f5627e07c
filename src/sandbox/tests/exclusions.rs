//! What settings of a bucket exclude each other, and documents that come back with all that was put.

use super::client::find;
use super::*;

/// A bucket of the security account, and how its settings are called.
struct Bucket {
    _sandbox: Sandbox,
    client: Client,
}

impl Bucket {
    async fn new() -> Bucket {
        let sandbox = start().await;
        let chain = chain(&sandbox).await;
        assert_eq!(log_bucket(&chain.security).await.status, 204);
        let client = chain.security.at("ap-northeast-1");
        Bucket { _sandbox: sandbox, client }
    }

    async fn call(&self, method: &str, what: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        self.client.send("s3", method, &format!("/logs-bucket?{what}"), headers, body.as_bytes()).await
    }

    async fn put(&self, what: &str, body: &str) -> String {
        self.call("PUT", what, &[], body).await.code()
    }
}

const NEW_FORM: &str = "<Rule><ID>new</ID><Filter><Prefix>a/</Prefix></Filter><Status>Enabled</Status><Expiration>\
    <Days>1</Days></Expiration></Rule>";
const OLD_FORM: &str = "<Rule><ID>old</ID><Prefix>b/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days>\
    </Expiration></Rule>";

fn lifecycle(rules: &str) -> String {
    format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>")
}

#[tokio::test]
async fn a_lifecycle_document_has_one_form_and_keeps_its_sizes() {
    let bucket = Bucket::new().await;
    assert_eq!(bucket.put("lifecycle", &lifecycle(&format!("{NEW_FORM}{OLD_FORM}"))).await, "InvalidRequest");
    assert_eq!(bucket.put("lifecycle", &lifecycle(OLD_FORM)).await, "ok");
    let size = "x-amz-transition-default-minimum-object-size";
    let sized = async || {
        let answered = bucket.call("GET", "lifecycle", &[], "").await;
        answered.header(size).unwrap().to_owned()
    };
    assert_eq!(sized().await, "all_storage_classes_128K");
    let header = [(size, "varies_by_storage_class")];
    assert_eq!(bucket.call("PUT", "lifecycle", &header, &lifecycle(NEW_FORM)).await.code(), "ok");
    assert_eq!(sized().await, "varies_by_storage_class");
    assert_eq!(bucket.put("lifecycle", &lifecycle(NEW_FORM)).await, "ok");
    assert_eq!(sized().await, "all_storage_classes_128K", "what is not sent again is lost");
}

#[tokio::test]
async fn mfa_delete_and_a_lifecycle_exclude_each_other() {
    let bucket = Bucket::new().await;
    let versioning = |mfa: &str| {
        format!(
            "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>{mfa}</MfaDelete></VersioningConfiguration>"
        )
    };
    let mfa = [("x-amz-mfa", "arn:aws:iam::222222222222:mfa/root 123456")];
    assert_eq!(bucket.put("versioning", &versioning("Enabled")).await, "AccessDenied");
    assert_eq!(bucket.put("lifecycle", &lifecycle(NEW_FORM)).await, "ok");
    let on = async || bucket.call("PUT", "versioning", &mfa, &versioning("Enabled")).await.code();
    assert_eq!(on().await, "InvalidBucketState");
    bucket.call("DELETE", "lifecycle", &[], "").await;
    assert_eq!(on().await, "ok");
    assert_eq!(find(&bucket.call("GET", "versioning", &[], "").await.xml(), "MfaDelete").as_deref(), Some("Enabled"));
    assert_eq!(bucket.put("lifecycle", &lifecycle(NEW_FORM)).await, "InvalidBucketState");
    let plain = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(bucket.put("versioning", plain).await, "AccessDenied");
    assert_eq!(bucket.call("PUT", "versioning", &mfa, &versioning("Disabled")).await.code(), "ok");
    assert_eq!(bucket.put("lifecycle", &lifecycle(NEW_FORM)).await, "ok");
}

#[tokio::test]
async fn access_control_lists_and_the_enforced_ownership_exclude_each_other() {
    let bucket = Bucket::new().await;
    let owned = |by: &str| {
        format!("<OwnershipControls><Rule><ObjectOwnership>{by}</ObjectOwnership></Rule></OwnershipControls>")
    };
    let acl = async |canned: &str| bucket.call("PUT", "acl", &[("x-amz-acl", canned)], "").await.code();
    assert_eq!(acl("log-delivery-write").await, "AccessControlListNotSupported");
    assert_eq!(acl("private").await, "ok");
    assert_eq!(bucket.put("ownershipControls", &owned("ObjectWriter")).await, "ok");
    assert_eq!(acl("public-read").await, "AccessDenied", "BlockPublicAcls");
    assert_eq!(acl("log-delivery-write").await, "ok");
    assert_eq!(
        bucket.put("ownershipControls", &owned("BucketOwnerEnforced")).await,
        "InvalidBucketAclWithObjectOwnership"
    );
    let list = bucket.call("GET", "acl", &[], "").await;
    assert_eq!(find(&list.xml(), "URI").as_deref(), Some("http://acs.amazonaws.com/groups/s3/LogDelivery"));
    let root = list.xml();
    let body = format!(
        "<AccessControlPolicy>{}</AccessControlPolicy>",
        root.children
            .iter()
            .map(|child| {
                let document = child.document();
                document.split_once("?>").unwrap().1.to_owned()
            })
            .collect::<String>()
    );
    assert_eq!(bucket.put("acl", &body).await, "ok", "{body}");
    assert_eq!(bucket.call("GET", "acl", &[], "").await.xml(), root, "as it was");
    assert_eq!(acl("private").await, "ok");
    assert_eq!(bucket.put("ownershipControls", &owned("BucketOwnerEnforced")).await, "ok");
}

#[tokio::test]
async fn object_lock_and_replication_need_versions_and_keep_them() {
    let bucket = Bucket::new().await;
    let lock = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                <Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>";
    let copy = "<ReplicationConfiguration><Role>arn:aws:iam::222222222222:role/r</Role><Rule><Status>Enabled</Status>\
                <Prefix></Prefix><Destination><Bucket>arn:aws:s3:::x</Bucket></Destination></Rule>\
                </ReplicationConfiguration>";
    let code = async |what: &str| bucket.call("GET", what, &[], "").await.code();
    assert_eq!(code("object-lock").await, "ObjectLockConfigurationNotFoundError");
    assert_eq!(code("replication").await, "ReplicationConfigurationNotFoundError");
    assert_eq!(bucket.put("object-lock", lock).await, "InvalidBucketState");
    assert_eq!(bucket.put("replication", copy).await, "InvalidRequest");
    let status = |text: &str| format!("<VersioningConfiguration><Status>{text}</Status></VersioningConfiguration>");
    assert_eq!(bucket.put("versioning", &status("Enabled")).await, "ok");
    assert_eq!(bucket.put("replication", copy).await, "ok");
    assert_eq!(bucket.put("versioning", &status("Suspended")).await, "InvalidBucketState");
    bucket.call("DELETE", "replication", &[], "").await;
    assert_eq!(bucket.put("object-lock", lock).await, "ok");
    assert_eq!(bucket.put("versioning", &status("Suspended")).await, "InvalidBucketState");
    let both = lock.replace("<Days>30</Days>", "<Days>30</Days><Years>1</Years>");
    assert_eq!(bucket.put("object-lock", &both).await, "MalformedXML");
    assert_eq!(find(&bucket.call("GET", "object-lock", &[], "").await.xml(), "Days").as_deref(), Some("30"));
}

#[tokio::test]
async fn what_an_encryption_rule_says_besides_comes_back() {
    let bucket = Bucket::new().await;
    let rule = |more: &str| {
        format!(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256\
             </SSEAlgorithm></ApplyServerSideEncryptionByDefault>{more}</Rule></ServerSideEncryptionConfiguration>"
        )
    };
    let blocked = "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>";
    let type_of = async || find(&bucket.call("GET", "encryption", &[], "").await.xml(), "EncryptionType");
    assert_eq!(bucket.put("encryption", &rule(blocked)).await, "ok");
    assert_eq!(type_of().await.as_deref(), Some("SSE-C"));
    assert_eq!(bucket.put("encryption", &rule("")).await, "ok");
    assert_eq!(type_of().await, None, "what is not sent again is lost");
}
