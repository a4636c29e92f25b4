//! How a text reads once its vars are replaced.

use super::*;

fn expanded(text: &str) -> (String, Vec<&'static str>) {
    let pairs = [("A", "a"), ("B", "b"), ("REF", "$(A)"), ("EMPTY", "")];
    let values: &'static BTreeMap<&str, Value> = Box::leak(Box::new(
        pairs
            .into_iter()
            .map(|(name, text)| (name, Value::Text(text.to_owned())))
            .chain([("N", Value::Int(80)), ("MAP", Value::Other)])
            .collect(),
    ));
    let mut used = BTreeSet::new();
    let scalar = expand_text(text, values, &mut used);
    (scalar.text, used.into_iter().collect())
}

#[test]
fn replaces_vars_and_nothing_else() {
    let cases = [
        ("$(A)", "a"),
        ("$(A)-$(A)", "a-a"),
        ("x$(N)y", "x80y"),
        ("$$(B)_$(A)", "$(B)_a"),
        ("f-$$A", "f-$A"),
        ("foo\\$(B)bar", "foo\\bbar"),
        ("$(A$(B))", "$(A$(B))"),
        ("$(A$(B)", "$(A$(B)"),
        ("$(REF)", "$(A)"),
        ("foo$(EMPTY)bar", "foobar"),
        ("foo$(Awhoops!", "foo$(Awhoops!"),
        ("$?_boo_$!", "$?_boo_$!"),
        ("$(NONE)", "$(NONE)"),
        ("$(MAP)", "$(MAP)"),
        ("$$$$$$(A)", "$$$(A)"),
        ("$$$$$$$(A)", "$$$a"),
        ("${A}", "${A}"),
        ("$(B)___$(A", "b___$(A"),
        ("$(A)bar$", "abar$"),
        ("--$($($($($--", "--$($($($($--"),
        ("$", "$"),
        ("ä$ü$(A)", "ä$üa"),
    ];
    for (text, wanted) in cases {
        assert_eq!(expanded(text).0, wanted, "{text}");
    }
}

#[test]
fn tells_which_vars_were_used() {
    assert_eq!(expanded("$(A) $(MAP) $(NONE) $(N)").1, ["A", "N"]);
}
