//! Takes what is left to others out of what is applied.

use serde_json::Value;

use super::path::{FieldPath, Select, Step};

/// A path does not fit the object it is meant for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It goes into a list as if that were a map.
    #[error(
        "{path} goes into the list {list} by {step:?}; name the item instead, as in {list}[name=…]"
    )]
    List {
        /// What was written.
        path: String,
        /// Up to the list.
        list: String,
        /// What comes next.
        step: String,
    },
    /// It selects items of what is no list.
    #[error("{path} selects items of {place}, which is no list; take the [ ] out")]
    NoList {
        /// What was written.
        path: String,
        /// Up to there.
        place: String,
    },
}

/// Takes the field at `path` out of `body`, and every map and list that nothing is left in. Returns whether
/// there was such a field.
pub fn take_out(body: &mut Value, path: &FieldPath) -> Result<bool, Misfit> {
    let walk = Walk { path };
    walk.below(body, path.steps())
}

struct Walk<'a> {
    path: &'a FieldPath,
}

impl Walk<'_> {
    /// Takes `steps` out of `value`.
    fn below(&self, value: &mut Value, steps: &[Step]) -> Result<bool, Misfit> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(false);
        };
        match (step, value) {
            (_, Value::Null) => Ok(false),
            (Step::Field(name), Value::Object(map)) => {
                let Some(child) = map.get_mut(name) else {
                    return Ok(false);
                };
                let taken = rest.is_empty() || self.below(child, rest)?;
                if rest.is_empty() || taken && is_empty(child) {
                    map.remove(name);
                }
                Ok(taken)
            }
            (Step::Items(select), Value::Array(items)) => self.items(items, select, rest),
            (Step::Field(name), Value::Array(_)) => Err(Misfit::List {
                path: self.path.to_string(),
                list: self.up_to(steps),
                step: name.clone(),
            }),
            (Step::Items(_), _) => Err(Misfit::NoList {
                path: self.path.to_string(),
                place: self.up_to(steps),
            }),
            // A plain value has nothing below it.
            (Step::Field(_), _) => Ok(false),
        }
    }

    fn items(
        &self,
        items: &mut Vec<Value>,
        select: &Select,
        rest: &[Step],
    ) -> Result<bool, Misfit> {
        if rest.is_empty() {
            let before = items.len();
            items.retain(|item| !select.takes(item));
            return Ok(items.len() < before);
        }
        let mut taken = false;
        for item in items.iter_mut().filter(|item| select.takes(item)) {
            taken |= self.below(item, rest)?;
        }
        Ok(taken)
    }

    /// The path as far as it was followed when `rest` is left.
    fn up_to(&self, rest: &[Step]) -> String {
        self.path.up_to(self.path.steps().len() - rest.len())
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
