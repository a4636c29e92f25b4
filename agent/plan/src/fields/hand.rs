//! How managed fields have to be rewritten so that fields change hands without a value being touched.
//!
//! A field that is left out of a server-side apply is removed if nobody but us owned it. So what is to go,
//! although somebody else owns it, is put into our entry first; and what is to stay is taken out of it first.
//! It needs another owner then: a value that nobody owns is removed together with the map it lies in, as soon
//! as nobody owns anything else in there.

use serde_json::{Value, json};

use super::{
    FieldPath, OnePiece, is_applier,
    set::{self, Fields},
};
use crate::drift::Author;

/// What is to change hands.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Our field manager.
    pub manager: &'a str,
    /// The field manager that keeps what we have set once and left to others.
    pub keeper: &'a str,
    /// The version that we apply in.
    pub api_version: &'a str,
    /// What tools that apply whole manifests own becomes ours.
    pub take_over: bool,
    /// These fields go to the keeper; all others it has come back to us.
    pub leave: &'a [FieldPath],
    /// What others own and git does not mention becomes ours, so that the next apply removes it: the author of
    /// each entry, and which of its fields.
    pub take_out: &'a [(Author, Value)],
}

/// The managed fields as they have to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Handover {
    /// All entries.
    pub managed_fields: Value,
    /// Whose fields become ours, in order.
    pub from: Vec<String>,
}

/// Says how `managed_fields` have to be rewritten; `None` if they are as they should be.
pub fn handover(managed_fields: &Value, wish: &Wish<'_>) -> Result<Option<Handover>, OnePiece> {
    let mut hand = Hand::new(wish);
    let mut others = Vec::new();
    for entry in entries(managed_fields) {
        others.extend(hand.take_in(entry));
    }
    hand.leave()?;
    if !hand.changed || hand.own.is_empty() {
        // An entry without fields would wipe the record.
        return Ok(None);
    }
    let mut all = vec![hand.entry(wish.manager, "Apply", &hand.own)];
    if !hand.kept.is_empty() {
        all.push(hand.entry(wish.keeper, "Update", &hand.kept));
    }
    all.extend(others);
    hand.from.sort_unstable();
    hand.from.dedup();
    Ok(Some(Handover {
        managed_fields: Value::Array(all),
        from: hand.from,
    }))
}

/// Whose fields would become ours if the object were taken over: tools that apply whole manifests.
pub fn sources(managed_fields: &Value) -> Vec<String> {
    let appliers = entries(managed_fields).filter(|entry| is_another_applier(entry));
    let mut names: Vec<String> = appliers
        .map(|entry| text(entry, "manager").to_owned())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

struct Hand<'a> {
    wish: &'a Wish<'a>,
    /// When our entry was last changed.
    time: Option<Value>,
    own: Fields,
    kept: Fields,
    from: Vec<String>,
    changed: bool,
}

impl<'a> Hand<'a> {
    fn new(wish: &'a Wish<'a>) -> Self {
        Self {
            wish,
            time: None,
            own: Fields::new(),
            kept: Fields::new(),
            from: Vec::new(),
            changed: false,
        }
    }

    /// Takes what is to be ours from `entry`; what is left of it for others.
    fn take_in(&mut self, entry: &Value) -> Option<Value> {
        let Some(fields) = entry.get("fieldsV1").and_then(Value::as_object) else {
            return Some(entry.clone());
        };
        if is_entry_of(entry, self.wish.manager, "Apply") {
            self.time = entry.get("time").cloned();
            set::unite(&mut self.own, fields);
            return None;
        }
        if is_entry_of(entry, self.wish.keeper, "Update") {
            set::unite(&mut self.kept, fields);
            return None;
        }
        if self.wish.take_over && is_another_applier(entry) {
            self.take(entry, fields);
            return None;
        }
        let mut left = fields.clone();
        let shares = self.wish.take_out.iter();
        for (_, share) in shares.filter(|(by, _)| is_by(entry, by)) {
            if let Value::Object(share) = share {
                set::subtract(&mut left, share);
                self.take(entry, share);
            }
        }
        let mut entry = entry.clone();
        let emptied = left != *fields && set::is_bare(&left);
        entry["fieldsV1"] = Value::Object(left);
        (!emptied).then_some(entry)
    }

    fn take(&mut self, entry: &Value, share: &Fields) {
        set::unite(&mut self.own, share);
        self.from.push(text(entry, "manager").to_owned());
        self.changed = true;
    }

    /// Gives to the keeper what is to be left to others, and takes back what is not.
    fn leave(&mut self) -> Result<(), OnePiece> {
        let mut kept = Fields::new();
        for path in self.wish.leave {
            let given = set::cut(&mut self.own, path)?;
            self.changed |= !given.is_empty();
            set::unite(&mut kept, &given);
            set::unite(&mut kept, &set::cut(&mut self.kept, path)?);
        }
        if !set::is_bare(&self.kept) {
            self.changed = true;
            set::unite(&mut self.own, &self.kept);
        }
        self.kept = kept;
        Ok(())
    }

    fn entry(&self, manager: &str, operation: &str, fields: &Fields) -> Value {
        let mut entry = json!({
            "manager": manager,
            "operation": operation,
            "apiVersion": self.wish.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        });
        if let Some(time) = &self.time {
            entry["time"] = time.clone();
        }
        entry
    }
}

fn entries(managed_fields: &Value) -> impl Iterator<Item = &Value> {
    managed_fields.as_array().into_iter().flatten()
}

fn is_entry_of(entry: &Value, manager: &str, operation: &str) -> bool {
    text(entry, "manager") == manager
        && text(entry, "operation") == operation
        && text(entry, "subresource").is_empty()
}

fn is_another_applier(entry: &Value) -> bool {
    is_applier(text(entry, "manager"))
        && matches!(text(entry, "operation"), "Update" | "Apply")
        && text(entry, "subresource").is_empty()
}

fn is_by(entry: &Value, by: &Author) -> bool {
    is_entry_of(entry, &by.manager, &by.operation)
        && by.subresource.is_empty()
        && entry.get("time").and_then(Value::as_str) == by.time.as_deref()
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}
