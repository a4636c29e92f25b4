//! `rollback` with Releases in a real API server and commits in a real repository.

use lab::{BareRepo, Commit};
use serde_json::json;

use crate::place::{Place, ready};
use crate::support::git;

struct Bed {
    place: Place,
    repo: BareRepo,
}

/// Says which image an overlay runs.
fn set(overlay: &str, tag: &str) -> Commit {
    let text = format!("resources:\n- ../../base\nimages:\n- name: a\n  newTag: {tag}\n");
    Commit::on("main", &format!("{overlay}: set a={tag}"))
        .write(&format!("overlays/{overlay}/kustomization.yaml"), text)
}

impl Bed {
    /// One branch with two overlays; `develop` has Releases 1 and 2, both healthy, and a bad third.
    async fn new() -> Self {
        let place = Place::new().await;
        let repo = BareRepo::create(&place.home.path().join("config.git")).unwrap();
        let base = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - name: a\n    image: a\n";
        let first = set("develop", "1.0.0")
            .write("base/pod.yaml", base)
            .write("base/kustomization.yaml", "resources:\n- pod.yaml\n");
        let one = repo.commit(first).unwrap();
        let two = repo.commit(set("develop", "2.0.0")).unwrap();
        repo.commit(set("other", "9.0.0")).unwrap();
        let bad = repo.commit(set("develop", "3.0.0")).unwrap();
        let url = repo.file_url();
        let source =
            json!({ "source": { "url": url, "branch": "main", "path": "overlays/develop" } });
        place
            .environment("develop", source, ready("develop-000003"))
            .await;
        for (number, revision, phase) in [
            (1, &one, "Healthy"),
            (2, &two, "Healthy"),
            (3, &bad, "Degraded"),
        ] {
            place
                .release("develop", number, revision, json!({ "phase": phase }))
                .await;
        }
        Self { place, repo }
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.repo.path(), args)
    }

    fn tag(&self, overlay: &str) -> String {
        let text = self.git(&[
            "show",
            &format!("main:overlays/{overlay}/kustomization.yaml"),
        ]);
        text.rsplit(' ').next().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_to_the_last_healthy_release_and_leaves_other_overlays_alone() {
    let bed = Bed::new().await;
    let ran = bed.place.run(&["rollback", "develop"]);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(
        (bed.tag("develop").as_str(), bed.tag("other").as_str()),
        ("2.0.0", "9.0.0")
    );
    assert_eq!(
        bed.git(&["log", "-1", "--format=%an: %s", "main"]),
        "Ada: Revert \"develop: set a=3.0.0\""
    );
    assert!(
        ran.out.contains("develop: set a=3.0.0")
            && ran.out.contains("(other overlays): other: set a=9.0.0"),
        "{}",
        ran.out
    );
    assert!(
        ran.talk
            .contains("the overlay is as it was in develop-000002"),
        "{}",
        ran.talk
    );
    let again = bed.place.run(&["rollback", "develop", "--to", "2"]);
    assert!(
        again.talk.contains("already as it was in develop-000002"),
        "{}",
        again.talk
    );
    assert_eq!((again.code, again.out.as_str()), (0, ""));
    assert_eq!(bed.git(&["rev-list", "--count", "main"]), "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_only_tells() {
    let bed = Bed::new().await;
    let tip = bed.git(&["rev-parse", "main"]);
    let ran = bed
        .place
        .run(&["rollback", "develop", "--to", "develop-000001", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(ran.out.matches("would revert ").count(), 2, "{}", ran.out);
    assert_eq!(bed.git(&["rev-parse", "main"]), tip);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_undone_whole() {
    let bed = Bed::new().await;
    bed.repo.branch("feature", "main").unwrap();
    let on_feature = |tag: &str| {
        let text = format!("resources:\n- ../../base\nimages:\n- name: a\n  newTag: {tag}\n");
        Commit::on("feature", "work").write("overlays/develop/kustomization.yaml", text)
    };
    bed.repo.commit(on_feature("4.0.0")).unwrap();
    bed.repo.commit(on_feature("5.0.0")).unwrap();
    bed.repo.merge("main", "feature").unwrap();
    let ran = bed.place.run(&["rollback", "develop"]);
    assert_eq!(
        (ran.code, bed.tag("develop").as_str()),
        (0, "2.0.0"),
        "{}",
        ran.talk
    );
    assert_eq!(ran.out.matches("\nreverted ").count() + 1, 2, "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_overlay_is_rolled_back_too() {
    let bed = Bed::new().await;
    let broken = Commit::on("main", "oops").write(
        "overlays/develop/kustomization.yaml",
        "resources:\n- gone.yaml\n",
    );
    bed.repo.commit(broken).unwrap();
    let ran = bed.place.run(&["rollback", "develop"]);
    assert_eq!(
        (ran.code, bed.tag("develop").as_str()),
        (0, "2.0.0"),
        "{}",
        ran.talk
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_not_in_the_branch_is_refused() {
    let bed = Bed::new().await;
    let foreign = bed
        .repo
        .commit(Commit::on("elsewhere", "x").write("a", "b"))
        .unwrap();
    bed.place
        .release("develop", 4, &foreign, json!({ "phase": "Healthy" }))
        .await;
    let tip = bed.git(&["rev-parse", "main"]);
    let ran = bed.place.run(&["rollback", "develop", "--to", "4"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.talk.contains("branch `main` does not contain revision"),
        "{}",
        ran.talk
    );
    assert_eq!(bed.git(&["rev-parse", "main"]), tip);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_earlier_healthy_release_there_is_nothing_to_go_back_to() {
    let place = Place::new().await;
    place
        .environment("develop", json!({}), ready("develop-000001"))
        .await;
    place
        .release(
            "develop",
            1,
            crate::place::OLD,
            json!({ "phase": "Healthy" }),
        )
        .await;
    let ran = place.run(&["rollback", "develop"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.talk
            .starts_with("error: Environment `develop` has no earlier healthy Release\n"),
        "{}",
        ran.talk
    );
}

/// A commit for two overlays cannot be undone for one of them once the other has moved on.
#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_conflicts_is_refused_and_nothing_is_pushed() {
    let bed = Bed::new().await;
    let both = set("other", "10.0.0").write(
        "overlays/develop/kustomization.yaml",
        "resources:\n- ../../base\n",
    );
    let id = bed.repo.commit(both).unwrap();
    let tip = bed.repo.commit(set("other", "11.0.0")).unwrap();
    let ran = bed.place.run(&["rollback", "develop"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    let expected = format!(
        "error: commit {id} (other: set a=10.0.0) cannot be reverted without conflict in overlays/other/kustomization.yaml\n"
    );
    assert!(ran.talk.starts_with(&expected), "{}", ran.talk);
    assert!(
        ran.talk.contains("hint: nothing was pushed"),
        "{}",
        ran.talk
    );
    assert_eq!(bed.git(&["rev-parse", "main"]), tip);
}
