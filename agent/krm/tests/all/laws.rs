//! What holds for every input.

use krm::{Pos, SourceId, json, yaml};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

/// Characters that mean something to YAML, beside some that do not.
const CHARACTERS: &str =
    "[\\[\\]{}:,?#&*!|>'\"%@`~<=+. \n\t\r\\\\a-c0-9yesno\u{85}\u{2028}\u{feff}é漢😀-]";

fn values() -> impl Strategy<Value = Value> {
    let text = "[ -~\n\té漢\u{2028}😀]{0,24}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e30..1e30).prop_map(Value::from),
        text.prop_map(Value::from),
        "(word ){10,40}end".prop_map(Value::from),
        "[0-9.eExob_+-]{1,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map("[ -~é\n]{0,10}|[a-z]{120,140}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Leaves out what kustomize itself does not bring back, since it prints by other rules than it reads: text
/// like `0o-7`, block scalars that start with a tab, a key `<<`.
fn survives(value: &Value) -> bool {
    let text = |text: &str| !text.starts_with(['\t', '0', '-']) && text != "<<";
    match value {
        Value::String(string) => !string.contains(['\n', 'o']) || text(string),
        Value::Array(items) => items.iter().all(survives),
        Value::Object(map) => map.iter().all(|(key, value)| text(key) && survives(value)),
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_reads_back(value in values().prop_filter("survives", survives)) {
        let node = json::from_value(&value, Pos::default());
        let text = yaml::write([&node]).expect("printable");
        let back = yaml::read(text.as_bytes(), SourceId(0), &yaml::Limits::default())
            .unwrap_or_else(|error| panic!("{error} in {text}"));
        let expected = json::to_value(&node).expect("JSON values");
        let found = back.first().map_or(Ok(Value::Null), json::to_value).expect("JSON values");
        prop_assert_eq!(found, expected, "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = yaml::read(&bytes, SourceId(0), &yaml::Limits::default());
    }

    #[test]
    fn no_text_makes_it_panic_and_what_it_reads_it_prints_stably(
        text in vec(CHARACTERS, 0..60).prop_map(|parts| parts.concat())
    ) {
        let read = |text: &str| yaml::read(text.as_bytes(), SourceId(0), &yaml::Limits::default());
        if let Ok(nodes) = read(&text)
            && let Ok(printed) = yaml::write(&nodes)
        {
            prop_assert!(read(&printed).is_ok(), "{:?} became {:?}", text, printed);
        }
    }
}
