//! kube: connect, discover, watch, apply, delete, lease, events.
