//! Reading Ingress and IngressClass objects, with the checks of the API server (`pkg/apis/networking/validation` of
//! Kubernetes).

use super::service::load_balancer;
use super::{LABEL, Meta, NAME, meta};
use crate::kube::ingress::{
    Backend, BackendPort, Ingress, IngressClass, IngressPath, IngressRule, PathType,
};
use crate::kube::name::{is_label, is_port_name, is_subdomain};
use crate::yaml::{At, Place, Report};

const VERSION: &str = "networking.k8s.io/v1";
const HOST: &str = "a host's name such as foo.example.com or *.example.com";
const PATH: &str = "a path that begins with \"/\"";
/// Marks the class of Ingresses that name none (`ingressclass.kubernetes.io`).
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
/// How an Ingress named its class before it had a field for it.
const CLASS: &str = "kubernetes.io/ingress.class";

/// An Ingress and where it was written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct IngressObject {
    pub place: Place,
    pub ingress: Ingress,
}

/// An IngressClass and where it was written.
#[derive(Clone, Debug)]
pub(in crate::kube) struct IngressClassObject {
    pub place: Place,
    pub class: IngressClass,
}

pub(super) fn read_class(object: &At<'_>, report: &mut Report) -> Option<IngressClassObject> {
    let meta = meta::read(object, VERSION, report);
    let controller = object.section("spec", report).and_then(|spec| {
        spec.misspelt(&["controller"], &["parameters"], report);
        spec.field("controller")?.text("a controller's name", report).map(str::to_owned)
    });
    let Meta { place, name, annotations, .. } = meta?;
    let is_default = annotations.get(IS_DEFAULT) == Some("true");
    let class = IngressClass { name, controller: controller.unwrap_or_default(), is_default };
    Some(IngressClassObject { place, class })
}

pub(super) fn read(object: &At<'_>, report: &mut Report) -> Option<IngressObject> {
    let meta = meta::read(object, VERSION, report);
    let spec = object.required("spec", "a map with rules or a defaultBackend", report)?;
    if !spec.is_map(report) {
        return None;
    }
    spec.only(&["ingressClassName", "defaultBackend", "rules", "tls"], report);
    let class = spec
        .field("ingressClassName")
        .and_then(|at| at.parsed(NAME, report, |text| is_subdomain(text).then(|| text.to_owned())));
    let default_at = spec.field("defaultBackend");
    let default_backend = default_at.as_ref().and_then(|at| backend(at, report));
    let mut rules = Vec::new();
    let rules_written = spec.list("rules", "a list of rules", report);
    for it in &rules_written {
        rules.extend(rule(it, report));
    }
    if default_at.is_none() && rules_written.is_empty() {
        report.problem(spec.problem("expected rules or a defaultBackend, found neither"));
    }
    let mut tls_hosts = Vec::new();
    for it in spec.list("tls", "a list of certificates", report) {
        if !it.is_map(report) {
            continue;
        }
        it.only(&["hosts", "secretName"], report);
        for at in it.list("hosts", "a list of hosts", report) {
            tls_hosts.extend(host(&at, report));
        }
    }
    let addresses = load_balancer(object, report);
    let Meta { place, namespace, name, annotations, .. } = meta?;
    let class = class.or_else(|| annotations.get(CLASS).map(str::to_owned));
    let ingress = Ingress { namespace, name, class, default_backend, rules, tls_hosts, addresses };
    Some(IngressObject { place, ingress })
}

fn rule(at: &At<'_>, report: &mut Report) -> Option<IngressRule> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["host", "http"], report);
    let host = match at.field("host") {
        Some(at) => host(&at, report)?,
        None => String::new(),
    };
    let Some(http) = at.section("http", report) else {
        // Nothing in particular: all of the host's requests go to the default backend.
        return Some(IngressRule { host, paths: Vec::new() });
    };
    http.only(&["paths"], report);
    let expected = "a list with at least one path";
    let list = http.required("paths", expected, report)?;
    if list.is_empty_list() {
        report.problem(list.problem(format!("expected {expected}, found none")));
    }
    let paths = list.items(expected, report);
    let paths = paths.iter().filter_map(|it| path(it, report)).collect();
    Some(IngressRule { host, paths })
}

fn host(at: &At<'_>, report: &mut Report) -> Option<String> {
    at.parsed(HOST, report, |text| {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let is_address = name.split('.').all(|it| it.bytes().all(|byte| byte.is_ascii_digit()));
        (is_subdomain(name) && !is_address || text.is_empty()).then(|| text.to_owned())
    })
}

fn path(at: &At<'_>, report: &mut Report) -> Option<IngressPath> {
    const TYPES: &str = "Exact, Prefix or ImplementationSpecific";
    if !at.is_map(report) {
        return None;
    }
    at.only(&["path", "pathType", "backend"], report);
    let kind = at.required("pathType", TYPES, report).and_then(|it| {
        it.parsed(TYPES, report, |text| match text {
            "Exact" => Some(PathType::Exact),
            "Prefix" => Some(PathType::Prefix),
            "ImplementationSpecific" => Some(PathType::ImplementationSpecific),
            _ => None,
        })
    });
    let path = match at.field("path") {
        Some(at) => {
            let may_be_empty = kind == Some(PathType::ImplementationSpecific);
            at.parsed(PATH, report, |text| {
                let fits = text.starts_with('/') || text.is_empty() && may_be_empty;
                fits.then(|| text.to_owned())
            })
            .inspect(|text| check_path(&at, kind, text, report))
        }
        None if kind == Some(PathType::ImplementationSpecific) => Some(String::new()),
        None => {
            at.required("path", PATH, report);
            None
        }
    };
    let to = at.required("backend", "a map with a service", report);
    let backend = to.and_then(|it| backend(&it, report));
    Some(IngressPath { path: path?, kind: kind?, backend: backend? })
}

/// What a path of type Exact or Prefix may not contain.
fn check_path(at: &At<'_>, kind: Option<PathType>, text: &str, report: &mut Report) {
    if !matches!(kind, Some(PathType::Exact | PathType::Prefix)) {
        return;
    }
    let bad = ["//", "/./", "/../", "%2f", "%2F"].into_iter().find(|part| text.contains(part));
    let end = ["/..", "/."].into_iter().find(|end| text.ends_with(end));
    if let Some(part) = bad.or(end) {
        report.problem(at.problem(format!("a path of this type cannot contain {part:?}")));
    }
}

fn backend(at: &At<'_>, report: &mut Report) -> Option<Backend> {
    if !at.is_map(report) {
        return None;
    }
    at.only(&["service", "resource"], report);
    let service = match (at.section("service", report), at.field("resource")) {
        (Some(service), None) => service,
        (None, Some(resource)) => {
            let name = resource.field("name");
            let name = name.and_then(|it| it.text("a name", report).map(str::to_owned));
            return Some(Backend::Resource(name.unwrap_or_default()));
        }
        _ => {
            report.problem(at.problem("expected a service"));
            return None;
        }
    };
    service.only(&["name", "port"], report);
    let name = service.required("name", LABEL, report);
    let name =
        name.and_then(|it| it.parsed(LABEL, report, |it| is_label(it).then(|| it.to_owned())));
    let port = service.required("port", "a port's name or number", report)?;
    if !port.is_map(report) {
        return None;
    }
    port.only(&["name", "number"], report);
    let port = match (port.field("name"), port.field("number")) {
        (Some(at), None) => {
            let expected = "a port's name of at most 15 lower-case letters, digits and \"-\"";
            let name = at.parsed(expected, report, |it| is_port_name(it).then(|| it.to_owned()))?;
            BackendPort::Name(name)
        }
        (None, Some(at)) => BackendPort::Number(at.number(1..=u16::MAX, report)?),
        _ => {
            report.problem(port.problem("expected either a name or a number"));
            return None;
        }
    };
    Some(Backend::Service { name: name?, port })
}
