//! `image set` on a file: text in, text out. Every case also proves that a second run changes nothing.

use crate::support::{Ran, driftless};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn run(before: &str, images: &[&str]) -> (Ran, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kustomization.yaml");
    std::fs::write(&file, before).unwrap();
    let args = [&["image", "set", "--dir", "."], images].concat();
    let ran = driftless(dir.path(), &args);
    (ran, std::fs::read_to_string(&file).unwrap())
}

#[track_caller]
fn check(images: &[&str], before: &str, after: &str) {
    let (ran, text) = run(before, images);
    assert_eq!(ran.code, 0, "{}", ran.talk);
    assert_eq!(text, after);
    let (again, text) = run(after, images);
    assert_eq!((again.code, again.out.as_str()), (0, ""), "{}", again.talk);
    assert!(again.talk.contains("nothing to do"), "{}", again.talk);
    assert_eq!(text, after);
}

#[track_caller]
fn refuse(images: &[&str], before: &str, says: &str) {
    let (ran, text) = run(before, images);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.talk.contains(says), "{}", ran.talk);
    assert_eq!(text, before, "a refused edit leaves the file alone");
}

#[test]
fn replaces_a_tag_and_keeps_comments() {
    check(
        &["web=1.1.0"],
        "# head\nimages:\n# of the shop\n- name: web # the front\n  newTag: 1.0.0   # CI\n\nreplicas: []\n",
        "# head\nimages:\n# of the shop\n- name: web # the front\n  newTag: 1.1.0   # CI\n\nreplicas: []\n",
    );
}

#[test]
fn touches_only_the_named_entry() {
    check(
        &["b=2.0.0"],
        "images:\n- name: a\n  newTag: 1.0.0\n- name: b\n  newTag: 1.0.0\n- name: c\n  newTag: 1.0.0\n",
        "images:\n- name: a\n  newTag: 1.0.0\n- name: b\n  newTag: 2.0.0\n- name: c\n  newTag: 1.0.0\n",
    );
}

#[test]
fn sets_several_at_once() {
    check(
        &["a=2.0.0", "b=3.0.0"],
        "images:\n- newTag: 1.0.0\n  name: a\n- name: b\n  newTag: 1.0.0\n",
        "images:\n- newTag: 2.0.0\n  name: a\n- name: b\n  newTag: 3.0.0\n",
    );
}

#[test]
fn keeps_the_quotes() {
    check(
        &["a=2", "b=2.0.0"],
        "images:\n- name: a\n  newTag: \"1\"\n- name: 'b'\n  newTag: '1.0.0'\n",
        "images:\n- name: a\n  newTag: \"2\"\n- name: 'b'\n  newTag: '2.0.0'\n",
    );
}

#[test]
fn quotes_a_tag_that_would_not_be_text() {
    for tag in [
        "1.10",
        "0012345",
        "1234e56",
        "true",
        "2024-01-02",
        "1_000",
        "0x1f",
        "no",
        "12e3",
    ] {
        check(
            &[&format!("a={tag}")],
            "images:\n- name: a\n  newTag: v1\n",
            &format!("images:\n- name: a\n  newTag: \"{tag}\"\n"),
        );
    }
}

#[test]
fn mends_a_tag_that_was_a_number() {
    check(
        &["a=1.10"],
        "images:\n- name: a\n  newTag: 1.10\n",
        "images:\n- name: a\n  newTag: \"1.10\"\n",
    );
}

#[test]
fn keeps_line_ends_of_windows() {
    check(
        &["a=2.0.0", "b=1.0.0"],
        "images:\r\n- name: a\r\n  newTag: 1.0.0\r\n",
        "images:\r\n- name: a\r\n  newTag: 2.0.0\r\n- name: b\r\n  newTag: 1.0.0\r\n",
    );
}

#[test]
fn keeps_a_byte_order_mark_and_wide_characters() {
    check(
        &["a=2.0.0"],
        "\u{feff}# Grüße 🚀\nimages:\n- name: a # ü\n  newTag: 1.0.0\n",
        "\u{feff}# Grüße 🚀\nimages:\n- name: a # ü\n  newTag: 2.0.0\n",
    );
}

#[test]
fn adds_a_tag_below_the_name() {
    check(
        &["a=2.0.0"],
        "images:\n  - name: a   # here\n    newName: r.io/a\n  - name: b\n",
        "images:\n  - name: a   # here\n    newTag: 2.0.0\n    newName: r.io/a\n  - name: b\n",
    );
}

#[test]
fn adds_a_tag_at_the_end_of_a_file_without_line_end() {
    check(
        &["a=2.0.0"],
        "images:\n- name: a",
        "images:\n- name: a\n  newTag: 2.0.0",
    );
}

#[test]
fn adds_an_entry_in_the_style_of_the_list() {
    check(
        &["b=1.0.0"],
        "images:\n  -   name: a\n      newTag: 1.0.0 # end\n\nnamespace: x\n",
        "images:\n  -   name: a\n      newTag: 1.0.0 # end\n  -   name: b\n      newTag: 1.0.0\n\nnamespace: x\n",
    );
}

#[test]
fn adds_the_list_in_the_style_of_the_file() {
    check(
        &["b=r.io/b:1.0.0"],
        "resources:\n  - a.yaml\n\nnamespace: x\n# the end\n",
        "resources:\n  - a.yaml\n\nnamespace: x\n\nimages:\n  - name: b\n    newName: r.io/b\n    newTag: 1.0.0\n# the end\n",
    );
}

#[test]
fn adds_the_list_to_a_file_of_comments_only() {
    check(
        &["b=1.0.0"],
        "# nothing\n",
        "# nothing\nimages:\n- name: b\n  newTag: 1.0.0\n",
    );
    check(&["b=1.0.0"], "", "images:\n- name: b\n  newTag: 1.0.0\n");
}

#[test]
fn fills_an_empty_list() {
    check(
        &["b=1.0.0"],
        "images: []\nx: y\n",
        "images: [{name: b, newTag: 1.0.0}]\nx: y\n",
    );
    check(
        &["b=1.0.0"],
        "images:\nx: y\n",
        "images:\n- name: b\n  newTag: 1.0.0\nx: y\n",
    );
    check(
        &["b=1.0.0"],
        "images: null\n",
        "images: [{name: b, newTag: 1.0.0}]\n",
    );
}

#[test]
fn edits_lists_in_brackets() {
    check(
        &["a=2.0.0", "b=3.0.0", "c=4.0.0"],
        "images: [{name: a, newTag: 1.0.0}, {name: b}] # two\n",
        "images: [{name: a, newTag: 2.0.0}, {name: b, newTag: 3.0.0}, {name: c, newTag: 4.0.0}] # two\n",
    );
}

#[test]
fn keeps_json_json() {
    check(
        &["a=2.0.0", "b=3.0.0"],
        "{\"images\": [{\"name\": \"a\"}], \"namespace\": \"x\"}\n",
        "{\"images\": [{\"name\": \"a\", \"newTag\": \"2.0.0\"}, {\"name\": \"b\", \"newTag\": \"3.0.0\"}], \"namespace\": \"x\"}\n",
    );
    check(
        &["b=3.0.0"],
        "{\"namespace\": \"x\"}\n",
        "{\"namespace\": \"x\", \"images\": [{\"name\": \"b\", \"newTag\": \"3.0.0\"}]}\n",
    );
}

#[test]
fn a_digest_takes_the_place_of_a_tag_and_back() {
    let digest = format!("images:\n- name: a\n  digest: {DIGEST} # pinned\n");
    let tag = "images:\n- name: a\n  newTag: 1.0.0 # pinned\n";
    check(&[&format!("a@{DIGEST}")], tag, &digest);
    check(&["a=1.0.0"], &digest, tag);
}

#[test]
fn a_tag_removes_the_digest_beside_it() {
    check(
        &["a=2.0.0"],
        &format!("images:\n- name: a\n  digest: {DIGEST}\n  newTag: 1.0.0\n  newName: b\n"),
        "images:\n- name: a\n  newTag: 2.0.0\n  newName: b\n",
    );
    check(
        &["a=2.0.0"],
        &format!("images:\n- digest: {DIGEST}\n  newTag: 1.0.0\n  name: a\n"),
        "images:\n- newTag: 2.0.0\n  name: a\n",
    );
    check(
        &["a=2.0.0"],
        &format!("images: [{{name: a, newTag: 1.0.0, digest: \"{DIGEST}\"}}]\n"),
        "images: [{name: a, newTag: 2.0.0}]\n",
    );
}

#[test]
fn sets_name_tag_and_digest_together() {
    check(
        &[&format!("a=r.io:5000/x/a:2.0.0@{DIGEST}")],
        "images:\n- name: a\n",
        &format!(
            "images:\n- name: a\n  newName: r.io:5000/x/a\n  newTag: 2.0.0\n  digest: {DIGEST}\n"
        ),
    );
}

#[test]
fn fills_a_tag_without_value() {
    check(
        &["a=2.0.0"],
        "images:\n- name: a\n  newTag:\n",
        "images:\n- name: a\n  newTag: 2.0.0\n",
    );
}

#[test]
fn leaves_other_lists_of_names_alone() {
    check(
        &["a=2.0.0"],
        "replicas:\n- name: a\n  count: 1\nimages:\n- name: a\n  newTag: 1.0.0\npatches:\n- patch: |\n    images:\n    - name: a\n      newTag: 9\n",
        "replicas:\n- name: a\n  count: 1\nimages:\n- name: a\n  newTag: 2.0.0\npatches:\n- patch: |\n    images:\n    - name: a\n      newTag: 9\n",
    );
}

#[test]
fn an_alias_is_replaced_and_its_anchor_left() {
    check(
        &["b=2.0.0"],
        "images:\n- name: a\n  newTag: &tag 1.0.0\n- name: b\n  newTag: *tag\n",
        "images:\n- name: a\n  newTag: &tag 1.0.0\n- name: b\n  newTag: 2.0.0\n",
    );
}

#[test]
fn an_anchor_in_use_is_refused() {
    refuse(
        &["a=2.0.0"],
        "images:\n- name: a\n  newTag: &tag 1.0.0\n- name: b\n  newTag: *tag\n",
        "has an anchor that is used elsewhere",
    );
}

#[test]
fn damaged_files_are_refused_with_the_line() {
    refuse(&["a=1"], "images:\n- name: a\n\tnewTag: 1\n", "line ");
    refuse(
        &["a=1"],
        "images: {a: b}\n",
        "line 1: `images` has to be a list",
    );
    refuse(&["a=1"], "- a\n", "a kustomization is a map of fields");
    refuse(
        &["a=1"],
        "images: []\n---\nimages: []\n",
        "a second document begins",
    );
    refuse(
        &["a=1"],
        "images:\n- name: a\n- name: a\n",
        "image `a` has two entries, in lines 2 and 3",
    );
}

#[test]
fn one_bad_request_changes_nothing() {
    refuse(
        &["a=2.0.0", "b"],
        "images:\n- name: a\n  newTag: 1.0.0\n",
        "does not say what to set",
    );
}

#[test]
fn shows_the_change_and_nothing_else_on_standard_output() {
    let (ran, _) = run("images:\n- name: a\n  newTag: 1.0.0\n", &["a=2.0.0"]);
    expect_test::expect![[r"
        --- ./kustomization.yaml
        +++ ./kustomization.yaml
        @@ -1,3 +1,3 @@
         images:
         - name: a
        -  newTag: 1.0.0
        +  newTag: 2.0.0
    "]]
    .assert_eq(&ran.out);
    assert_eq!(ran.talk, "./kustomization.yaml: edited\n");
}

#[test]
fn the_samples_tags_can_be_set() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../overlays/");
    for branch in ["develop", "staging", "master"] {
        let before = std::fs::read_to_string(format!("{root}{branch}/kustomization.yaml")).unwrap();
        let (ran, after) = run(&before, &["shop-api=9.9.9"]);
        assert_eq!(ran.code, 0, "{}", ran.talk);
        let changed = before
            .lines()
            .zip(after.lines())
            .filter(|(old, new)| old != new)
            .count();
        assert_eq!(
            (changed, before.lines().count()),
            (1, after.lines().count())
        );
        assert!(after.contains("newTag: 9.9.9"));
    }
}
