//! Reading Namespace objects: their labels, for selectors.

use super::{Meta, meta};
use crate::yaml::{At, Report};

/// A Namespace that somebody wrote.
#[derive(Clone, Debug)]
pub(in crate::kube) struct NamespaceObject {
    pub meta: Meta,
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<NamespaceObject> {
    Some(NamespaceObject { meta: meta::read(object, "v1", report)? })
}
