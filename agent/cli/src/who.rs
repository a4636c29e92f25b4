//! Who the user is, as the cluster says it.

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::api::{Api, PostParams};

use crate::connect::Link;
use crate::request::EDITOR;

/// Who the cluster says we are; it may be too old to say, or not let us ask.
pub(crate) async fn whoami(link: &Link) -> String {
    let api: Api<SelfSubjectReview> = Api::all(link.client.clone());
    let (params, question) = (PostParams::default(), SelfSubjectReview::default());
    let review = api.create(&params, &question).await;
    let user = review
        .ok()
        .and_then(|review| review.status?.user_info?.username);
    user.unwrap_or_else(|| EDITOR.to_owned())
}
