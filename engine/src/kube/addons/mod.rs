//! What clusters come with, where a lab does not describe its own: CoreDNS, an ingress controller, and the API server as
//! far as its Service leads to it. Each is the text that an operator would apply.

use super::object::{Objects, PodObject};
use crate::kube::Settings;
use crate::kube::labels::Labels;
use crate::yaml::{At, Report, parse};

/// The `spec.controller` of the classes that ingress-nginx acts on.
pub(super) const INGRESS_CONTROLLER: &str = "k8s.io/ingress-nginx";

const COREDNS: &str = include_str!("coredns.yaml");
const KUBE_APISERVER: &str = include_str!("kube-apiserver.yaml");
const INGRESS_NGINX: &str = include_str!("ingress-nginx.yaml");

/// Whether a pod answers the cluster's names.
pub(super) fn is_dns(labels: &Labels) -> bool {
    labels.get("k8s-app") == Some("kube-dns")
        || labels.get("app.kubernetes.io/name") == Some("coredns")
}

/// Whether a pod is an API server.
pub(super) fn is_api_server(labels: &Labels) -> bool {
    labels.get("component") == Some("kube-apiserver")
}

/// Whether a pod acts on Ingress objects.
pub(super) fn is_ingress_controller(labels: &Labels) -> bool {
    labels.get("app.kubernetes.io/name") == Some("ingress-nginx")
        && labels.get("app.kubernetes.io/component").is_none_or(|it| it == "controller")
}

impl Objects {
    /// Adds what clusters come with, as far as it is needed here.
    pub(in crate::kube) fn install_addons(&mut self, settings: &Settings, has_ingresses: bool) {
        if settings.needs_dns {
            self.add_coredns();
        }
        if settings.needs_api_server {
            self.add_api_server();
        }
        if has_ingresses {
            self.add_ingress_controller();
        }
        self.mirror();
    }

    /// Installs CoreDNS, unless there is a pod that does its work.
    pub(super) fn add_coredns(&mut self) {
        if !self.has_pod(is_dns) {
            self.install(COREDNS);
        }
    }

    /// Installs an API server and its Service, unless that is there.
    pub(super) fn add_api_server(&mut self) {
        if !self.serves("kubernetes") {
            self.install(KUBE_APISERVER);
        }
    }

    /// Installs a controller that is exposed by a load balancer, unless there is one. Its address is the one that the
    /// Ingresses say they are reached at.
    pub(super) fn add_ingress_controller(&mut self) {
        if self.has_pod(is_ingress_controller) {
            return;
        }
        self.install(INGRESS_NGINX);
        let told =
            self.ingresses.iter().flat_map(|it| &it.ingress.addresses).find(|it| it.ip.is_some());
        if let (Some(address), Some(installed)) = (told.cloned(), self.services.last_mut()) {
            installed.service.ingress.push(address);
        }
    }

    fn has_pod(&self, is_it: fn(&Labels) -> bool) -> bool {
        let of_pod = |pod: &PodObject| is_it(&pod.meta.labels);
        self.pods.iter().any(of_pod) || self.workloads.iter().any(|it| is_it(&it.labels))
    }

    fn install(&mut self, text: &str) {
        let mut report = Report::default();
        let documents = parse(text, &mut report).unwrap_or_default();
        for document in &documents {
            self.read(&At::root(document), &mut report);
        }
        debug_assert!(report.is_ok(), "the text is part of this program");
    }
}
