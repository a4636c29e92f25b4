//! What a layer does to its objects: one file per transformer, each a spec and `apply`.
//!
//! Every transformer is a function of its spec, the objects and a [`Context`]; it puts the position of the line
//! that asked for a change on the value it sets. The shape they share:
//!
//! ```text
//! patch.rs            apply(&PatchSpec, &mut ObjectSet, &Context) -> Outcome      `patches`
//! patch_strategic.rs  apply(&[Text], &mut ObjectSet, &Context) -> Outcome         `patchesStrategicMerge`: path or inline
//! patch_json.rs       apply(&PatchSpec, &mut ObjectSet, &Context) -> Outcome      `patchesJson6902`
//! replacement.rs      apply(&[ReplacementEntry], &mut ObjectSet, &Context) -> Outcome
//! var.rs              mark(&[VarSpec], &mut ObjectSet, &Context) -> Outcome       when a layer ends
//!                     expand(&[VarSpec], &[FieldSpec], &mut ObjectSet, &Context) -> Outcome   at the top
//! ../selector.rs      Matcher::new(&Selector) -> Result<Matcher, Problem>;
//!                     Matcher::matches(&self, &Resource, &Schema) -> bool         compiled once per spec
//! ```

use std::rc::Rc;

use krm::schema::Schema;

use crate::session::Files;

/// What a transformer may know besides its spec.
pub(crate) struct Context<'s> {
    /// Files as seen from the kustomization that holds the spec.
    pub(crate) files: Files<'s>,
    pub(crate) schema: Rc<Schema>,
}
