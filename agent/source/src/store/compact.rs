//! Many packs into one.
use std::sync::atomic::AtomicBool;
pub(super) fn compact(_r: &gix::Repository, _most: usize, _halt: &AtomicBool) -> gix::Result<bool> {
    Ok(false)
}
