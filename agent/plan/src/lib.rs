//! The judging: what differs, in which order, may it be deleted, is it healthy.
