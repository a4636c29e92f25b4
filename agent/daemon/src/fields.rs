//! What a spec says about single fields, in the words of the judging.

use api::{
    names,
    v1alpha1::{EnvironmentSpec, ForeignFields, IgnoreRule as Document},
};
use plan::fields::{IgnoreRule, Pattern, is_controller, is_person};

/// The rules of one Environment about single fields.
#[derive(Clone, Debug, Default)]
pub struct FieldRules {
    /// What is left to others.
    pub ignore: Vec<IgnoreRule>,
    /// What becomes of fields that others have added.
    pub foreign: ForeignFields,
    /// Whose additions count, beside those of people.
    managers: Vec<Pattern>,
}

impl FieldRules {
    /// Reads them; otherwise every fault, each with its place in the spec.
    pub fn read(spec: &EnvironmentSpec) -> Result<Self, String> {
        let mut faults = Vec::new();
        let rules = spec.ignore.iter().enumerate();
        let ignore = rules.map(|(at, rule)| read(at, rule, &mut faults));
        let ignore = ignore.collect();
        if !faults.is_empty() {
            return Err(faults.join("; "));
        }
        Ok(Self {
            ignore,
            foreign: spec.foreign_fields,
            managers: patterns(&spec.foreign_managers),
        })
    }

    /// True if what `manager` adds to an object counts as added by hand.
    pub(crate) fn counts(&self, manager: &str) -> bool {
        let ours = matches!(manager, names::FIELD_MANAGER | names::KEEPER);
        let named = || self.managers.iter().any(|pattern| pattern.fits(manager));
        self.foreign != ForeignFields::Ignore
            && !ours
            && !is_controller(manager)
            && (is_person(manager) || named())
    }
}

fn read(place: usize, rule: &Document, faults: &mut Vec<String>) -> IgnoreRule {
    let mut fields = Vec::with_capacity(rule.fields.len());
    for (at, text) in rule.fields.iter().enumerate() {
        match text.parse() {
            Ok(path) => fields.push(path),
            Err(bad) => faults.push(format!("spec.ignore[{place}].fields[{at}]: {bad}")),
        }
    }
    IgnoreRule {
        groups: patterns(&rule.groups),
        kinds: patterns(&rule.kinds),
        names: patterns(&rule.names),
        namespaces: patterns(&rule.namespaces),
        fields,
    }
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(Pattern::new).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(more: &serde_json::Value) -> EnvironmentSpec {
        let mut spec =
            json!({ "source": { "url": "https://example.com/a.git", "branch": "main" } });
        for (key, value) in more.as_object().cloned().unwrap_or_default() {
            spec[key] = value;
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn every_bad_path_is_told_with_its_place() {
        let spec = spec(&json!({ "ignore": [
            { "kinds": ["Deployment"], "fields": ["/spec/replicas", "spec.paused"] },
            { "fields": ["/status/x"] },
        ] }));
        let told = FieldRules::read(&spec).unwrap_err();
        for part in [
            "spec.ignore[0].fields[1]",
            "write /spec/paused",
            "spec.ignore[1].fields[0]",
            "never applied",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn people_count_and_whoever_is_named_but_never_kubernetes_or_we() {
        let rules = FieldRules::read(&spec(
            &json!({ "foreignManagers": ["team-*", "kube-*", "driftless*"] }),
        ))
        .unwrap();
        for (manager, counts) in [
            ("kubectl-edit", true),
            ("k9s", true),
            ("team-tool", true),
            ("istio-injector", false),
            ("kube-controller-manager", false),
            ("driftless", false),
            ("driftless-ignored", false),
        ] {
            assert_eq!(rules.counts(manager), counts, "{manager}");
        }
        let none = FieldRules::read(&spec(&json!({ "foreignFields": "ignore" }))).unwrap();
        assert!(!none.counts("kubectl-edit"));
    }
}
