//! The clock of the control plane: what each component does when, and how it tells of it.

mod cloud;
mod listed;
mod stored;

use self::cloud::health;
pub use self::listed::Listed;
use self::stored::stored;
use super::endpoints;
use super::proxy::{self, Written};
use super::stages::{Change, Changed};
use super::{Delays, Key, find, key};
use crate::base::Nanos;
use crate::kube::compile::{Programs, machines};
use crate::kube::controllers::endpoint_slices;
use crate::kube::endpoint_slice::EndpointSlice;
use crate::kube::{Cluster, Pod, Settings, addons, cni};
use crate::tool::{Configured, Op};
use crate::trace::Note;
use crate::world::World;

/// Nodes hear of a change one after the other, and so are pods bound.
const STAGGER: Nanos = Nanos::from_micros(10);
/// Nothing is heard of at the moment when it happens.
const SOONEST: Nanos = Nanos::from_micros(1);

/// Who acts, by the names of the programs.
pub(super) const API_SERVER: &str = "kube-apiserver";
pub(super) const CONTROLLERS: &str = "kube-controller-manager";
pub(super) const SCHEDULER: &str = "kube-scheduler";
pub(super) const KUBELET: &str = "kubelet";
pub(super) const KUBE_PROXY: &str = "kube-proxy";

/// A check is over by then.
const AFTER_CHECK: Nanos = Nanos::from_millis(5);

/// Something that a component did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Done {
    pub notes: Vec<Note>,
    pub operations: Vec<Configured>,
}

/// What a component will do.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Task {
    /// The API server stores a change.
    Store(usize),
    /// The controllers of workloads make pods.
    Make(Vec<Key>),
    Schedule(Key),
    Start(Key),
    Ready(Key),
    Stop(Key),
    Endpoints,
    /// kube-proxy of a node.
    Proxy(usize),
    /// The policy engine of a node.
    Policies(usize),
    /// CoreDNS and the ingress controllers.
    Watchers,
    Cloud,
    /// Load balancers look at what their health checks say.
    Check,
}

/// The control plane of a running cluster.
#[derive(Clone, Debug)]
pub struct Plane<'l> {
    changes: &'l [Change],
    delays: Delays,
    min_sync_period: Nanos,
    /// As the API server has it: pods with an address alone, and the slices that were written.
    now: Cluster,
    /// What there should be.
    wanted: &'l Cluster,
    /// Wanted, and not running yet.
    pending: Vec<Key>,
    /// When an object was stored that was not there from the start.
    made: Vec<(String, Nanos)>,
    nodes: Vec<Written>,
    /// What stands around the nodes, as it was made.
    machines: Vec<Configured>,
    due: Vec<(Nanos, Task)>,
    check_interval: Option<Nanos>,
}

impl<'l> Plane<'l> {
    pub fn new(start: &'l Cluster, changes: &'l [Change], settings: &Settings) -> Self {
        let n_nodes = if changes.is_empty() { 0 } else { start.nodes.len() };
        let nodes = (0..n_nodes).map(|node| Written::at_first(start, node));
        let first_check =
            settings.balancing.checks.map(|(interval, _)| (interval + AFTER_CHECK, Task::Check));
        Self {
            changes,
            delays: settings.delays,
            min_sync_period: start.kube_proxy.min_sync_period,
            now: start.clone(),
            wanted: start,
            pending: Vec::new(),
            made: Vec::new(),
            nodes: nodes.collect(),
            machines: machines(start),
            due: first_check.into_iter().collect(),
            check_interval: settings.balancing.checks.map(|it| it.0),
        }
    }

    /// When the next thing is done of what changed.
    pub fn unsettled(&self) -> Option<Nanos> {
        self.due.iter().filter(|(_, it)| *it != Task::Check).map(|(at, _)| *at).min()
    }

    /// Begins a change.
    pub fn begin(&mut self, change: usize, now: Nanos) {
        self.after(now, SOONEST, Task::Store(change));
    }

    /// When something is done next, if anything is.
    pub fn next_at(&self) -> Option<Nanos> {
        self.due.iter().map(|(at, _)| *at).min()
    }

    /// Does what is due first.
    pub fn act(&mut self, world: &World) -> Done {
        let Some(at) = self.next_at() else { return Done::default() };
        let Some(first) = self.due.iter().position(|(due, _)| *due == at) else {
            return Done::default();
        };
        let (_, task) = self.due.remove(first);
        let mut done = Done::default();
        match task {
            Task::Store(change) => self.store(at, change, &mut done),
            Task::Make(pods) => self.make(at, &pods, &mut done),
            Task::Schedule(pod) => self.schedule(at, &pod, &mut done),
            Task::Start(pod) => self.start(at, &pod, &mut done),
            Task::Ready(pod) => self.probe(at, &pod, &mut done),
            Task::Stop(pod) => self.stop(at, &pod, &mut done),
            Task::Endpoints => self.write_endpoints(at, &mut done),
            Task::Proxy(node) => self.sync(at, node, world, &mut done),
            Task::Policies(node) => self.keep_policies(node, &mut done),
            Task::Watchers => self.reload(&mut done),
            Task::Cloud => self.balance(&mut done),
            Task::Check => {
                self.heed_checks(world, &mut done);
                let again = self.check_interval.map(|it| (at + it, Task::Check));
                self.due.extend(again);
            }
        }
        done
    }

    fn after(&mut self, now: Nanos, delay: Nanos, task: Task) {
        self.due.push((now + delay.max(SOONEST), task));
    }

    /// The same, unless it is to be done anyway.
    fn once(&mut self, now: Nanos, delay: Nanos, task: Task) {
        if !self.due.iter().any(|(_, it)| *it == task) {
            self.after(now, delay, task);
        }
    }

    /// kube-proxy on every node hears of something.
    fn tell_proxies(&mut self, now: Nanos) {
        for node in 0..self.nodes.len() {
            if self.nodes[node].wanted {
                continue;
            }
            self.nodes[node].wanted = true;
            let own = &self.nodes[node];
            let stagger = Nanos(STAGGER.0 * node as u64);
            let soon = now + self.delays.kube_proxy + stagger;
            let earliest = own.synced.map_or(soon, |it| it + self.min_sync_period);
            self.due.push((soon.max(earliest), Task::Proxy(node)));
        }
    }

    fn tell_policies(&mut self, now: Nanos) {
        for node in 0..self.nodes.len() {
            let stagger = Nanos(STAGGER.0 * node as u64);
            self.once(now, self.delays.policies + stagger, Task::Policies(node));
        }
    }

    fn store(&mut self, now: Nanos, change: usize, done: &mut Done) {
        let Some(change) = self.changes.get(change) else { return };
        let (old, new) = (self.wanted, &change.after);
        self.wanted = new;
        done.notes.push(stored(change, &self.now));
        if change.what == Changed::Applied {
            self.made.extend(change.objects.iter().map(|it| (it.clone(), now)));
        }
        let given = |it: &Cluster| it.endpoint_slices.clone();
        let services = self.now.services != new.services;
        let policies = self.now.policies != new.policies;
        let ingresses =
            self.now.ingresses != new.ingresses || self.now.ingress_classes != new.ingress_classes;
        let slices = given(old) != given(new) && change.what != Changed::Ready;
        self.renumber(new);
        self.now.services.clone_from(&new.services);
        self.now.policies.clone_from(&new.policies);
        self.now.ingresses.clone_from(&new.ingresses);
        self.now.ingress_classes.clone_from(&new.ingress_classes);
        if services {
            let kept: Vec<String> =
                new.services.iter().map(crate::kube::service::Service::origin).collect();
            self.now.endpoint_slices.retain(|it| {
                let of = |name: &String| format!("Service {}/{name}", it.namespace);
                it.service.as_ref().is_none_or(|name| kept.contains(&of(name)))
            });
            self.tell_proxies(now);
            if new.outside.iter().any(|it| !it.load_balancers.is_empty()) {
                self.once(now, self.delays.cloud, Task::Cloud);
            }
        }
        if services || slices {
            self.once(now, self.delays.endpoints, Task::Endpoints);
        }
        if services || ingresses {
            self.once(now, self.delays.watchers, Task::Watchers);
        }
        if policies {
            self.tell_policies(now);
        }
        self.change_pods(now, change);
    }

    /// Load balancers of Services name them by number.
    fn renumber(&mut self, new: &Cluster) {
        let old = &self.now.services;
        if let Some(outside) = &mut self.now.outside {
            outside.load_balancers.retain_mut(|it| {
                let origin = old[it.service].origin();
                let found = new.services.iter().position(|it| it.origin() == origin);
                it.service = found.unwrap_or(0);
                found.is_some()
            });
        }
    }

    /// What a change means for pods.
    fn change_pods(&mut self, now: Nanos, change: &Change) {
        let wanted = self.wanted;
        let mut made = Vec::new();
        for pod in &wanted.pods {
            let known = key(pod);
            let Some(running) = self.now.pods.iter_mut().find(|it| key(it) == known) else {
                if !self.pending.contains(&known) {
                    self.pending.push(known.clone());
                    made.push((known, pod.name.clone()));
                }
                continue;
            };
            if running.labels != pod.labels {
                running.labels.clone_from(&pod.labels);
                self.once(now, self.delays.endpoints, Task::Endpoints);
                self.tell_policies(now);
            }
            if matches!(change.what, Changed::Ready | Changed::Unready) {
                self.once(now, self.delays.pod_ready, Task::Ready(known));
            }
        }
        let written: Vec<Key> = made
            .iter()
            .filter(|(known, name)| change.objects.contains(&format!("Pod {}/{name}", known.0)))
            .map(|(known, _)| known.clone())
            .collect();
        self.bind(now, &written);
        let made: Vec<Key> =
            made.into_iter().map(|(known, _)| known).filter(|it| !written.contains(it)).collect();
        if !made.is_empty() {
            self.after(now, self.delays.controllers, Task::Make(made));
        }
        self.pending.retain(|it| find(wanted, it).is_some());
        let mut ending = false;
        for index in 0..self.now.pods.len() {
            let pod = &mut self.now.pods[index];
            if !pod.terminating && find(wanted, &key(pod)).is_none() {
                pod.terminating = true;
                ending = true;
                let known = key(pod);
                self.after(now, self.delays.pod_stop, Task::Stop(known));
            }
        }
        if ending {
            self.once(now, self.delays.endpoints, Task::Endpoints);
        }
    }

    fn make(&mut self, now: Nanos, pods: &[Key], done: &mut Done) {
        let pods: Vec<&Pod> = pods.iter().filter_map(|it| find(self.wanted, it)).collect();
        if pods.is_empty() {
            return;
        }
        self.made.extend(pods.iter().map(|it| (it.origin(), now)));
        let n_pods =
            if pods.len() == 1 { "a pod".to_owned() } else { format!("{} pods", pods.len()) };
        done.notes.push(Note {
            title: format!("the controllers make {n_pods}"),
            text: "They compare how many replicas are asked for with how many pods there are, and have the API server store what is missing.".into(),
            by: CONTROLLERS,
            short: n_pods,
            tells: true,
            source: "manageReplicas",
            details: pods.iter().map(|it| (it.origin(), None)).collect(),
            ..Note::default()
        });
        let made: Vec<Key> = pods.into_iter().map(key).collect();
        self.bind(now, &made);
    }

    /// kube-scheduler takes one pod after the other from its queue.
    fn bind(&mut self, now: Nanos, pods: &[Key]) {
        for (number, pod) in pods.iter().enumerate() {
            let stagger = Nanos(STAGGER.0 * number as u64);
            self.after(now, self.delays.scheduler + stagger, Task::Schedule(pod.clone()));
        }
    }

    fn schedule(&mut self, now: Nanos, known: &Key, done: &mut Done) {
        let Some(pod) = find(self.wanted, known).filter(|_| self.pending.contains(known)) else {
            return;
        };
        let node = &self.now.nodes[pod.node].name;
        done.notes.push(Note {
            title: format!("{} is scheduled to {node}", pod.origin()),
            text: format!("kube-scheduler sees a pod without a node, and has the API server store that it is {node}'s. The kubelet there hears of it."),
            by: SCHEDULER,
            short: format!("{} → {node}", pod.name),
            tells: true,
            source: "bindingCycle",
            ..Note::default()
        });
        self.after(now, self.delays.pod_start, Task::Start(known.clone()));
    }

    fn start(&mut self, now: Nanos, known: &Key, done: &mut Done) {
        let Some(pod) = find(self.wanted, known).filter(|_| self.pending.contains(known)) else {
            return;
        };
        let mut pod = pod.clone();
        pod.ready = false;
        self.pending.retain(|it| it != known);
        let (node, origin) = (pod.node, pod.origin());
        let own = &self.now.nodes[node].name;
        let link = if pod.host_network {
            "It shares the node's network"
        } else {
            "The CNI plugin makes its device"
        };
        done.notes.push(Note {
            title: format!("the kubelet on {own} starts {origin}"),
            text: format!(
                "{link}, with the address {}; then its containers start. It is not ready yet.",
                pod.ip
            ),
            by: KUBELET,
            netns: self.now.nodes[node].netns.clone(),
            short: "starts pod".into(),
            makes: (!pod.host_network).then(|| pod.netns.clone()),
            source: "syncPod",
            ..Note::default()
        });
        self.now.pods.push(pod.clone());
        if !pod.host_network {
            let number = self.nodes[node].n_attached;
            self.nodes[node].n_attached += 1;
            cni::attach(&mut done.operations, &self.now, &pod, number);
        }
        let now_known = &self.now;
        done.operations.extend(Programs::new(now_known).of(&pod));
        if self.nodes[node].map_ports(&self.now) {
            done.operations.extend(self.nodes[node].operations(&self.now));
        }
        self.after(now, self.delays.pod_ready, Task::Ready(known.clone()));
        self.once(now, self.delays.endpoints, Task::Endpoints);
        if !self.now.policies.is_empty() {
            self.tell_policies(now);
        }
    }

    /// The kubelet looks whether a pod is ready.
    fn probe(&mut self, now: Nanos, known: &Key, done: &mut Done) {
        let Some(wanted) = find(self.wanted, known) else { return };
        let Some(pod) = self.now.pods.iter_mut().find(|it| key(it) == *known) else { return };
        if pod.ready == wanted.ready {
            return;
        }
        pod.ready = wanted.ready;
        let (is, text) = if pod.ready {
            ("ready", "Its containers run and its probe succeeds")
        } else {
            ("not ready", "Its probe failed often enough")
        };
        let node = &self.now.nodes[pod.node].name;
        done.notes.push(Note {
            title: format!("{} is {is}", pod.origin()),
            text: format!(
                "{text}: the kubelet on {node} writes the condition Ready into its status."
            ),
            by: KUBELET,
            netns: self.now.nodes[pod.node].netns.clone(),
            short: format!("pod {is}"),
            tells: true,
            source: "syncBatch",
            ..Note::default()
        });
        self.once(now, self.delays.endpoints, Task::Endpoints);
    }

    fn stop(&mut self, now: Nanos, known: &Key, done: &mut Done) {
        let Some(index) = self.now.pods.iter().position(|it| key(it) == *known) else { return };
        let pod = self.now.pods.remove(index);
        let node = &self.now.nodes[pod.node].name;
        done.notes.push(Note {
            title: format!("{} has ended", pod.origin()),
            text: format!("Its containers on {node} had the signal to terminate, and have. The CNI plugin takes its device away, and {} is nobody's.", pod.ip),
            by: KUBELET,
            netns: self.now.nodes[pod.node].netns.clone(),
            short: "ended a pod".into(),
            tells: true,
            source: "syncTerminatedPod",
            ..Note::default()
        });
        done.operations.push(Configured {
            op: Op::DelNetns { netns: pod.netns.clone() },
            origin: Some(pod.origin()),
        });
        if self.nodes[pod.node].map_ports(&self.now) {
            done.operations.extend(self.nodes[pod.node].operations(&self.now));
        }
        self.once(now, self.delays.endpoints, Task::Endpoints);
        if !self.now.policies.is_empty() {
            self.tell_policies(now);
        }
    }

    fn write_endpoints(&mut self, now: Nanos, done: &mut Done) {
        let old = std::mem::take(&mut self.now.endpoint_slices);
        self.now.endpoint_slices.clone_from(&self.wanted.endpoint_slices);
        let made = endpoint_slices::make(&self.now);
        self.now.endpoint_slices.extend(made);
        if old == self.now.endpoint_slices {
            return;
        }
        let is_new = |it: &&EndpointSlice| !old.iter().any(|old| old.origin() == it.origin());
        let new = self.now.endpoint_slices.iter().filter(is_new);
        self.made.extend(new.map(|it| (it.origin(), now)));
        done.notes.extend(endpoints::notes(&self.now, &old, &self.now.endpoint_slices));
        self.tell_proxies(now);
        self.once(now, self.delays.watchers, Task::Watchers);
        if self.now.outside.iter().any(|it| !it.load_balancers.is_empty()) {
            self.once(now, self.delays.cloud, Task::Cloud);
        }
    }

    fn sync(&mut self, now: Nanos, node: usize, world: &World, done: &mut Done) {
        let cluster = &self.now;
        let own = &mut self.nodes[node];
        (own.wanted, own.synced) = (false, Some(now));
        let differences = own.sync(cluster);
        if differences.len() > 0 {
            done.operations.extend(own.operations(cluster));
        }
        let stale = proxy::stale(cluster, node, world);
        let n_stale = stale.len();
        done.operations.extend(stale);
        done.operations.extend(health(cluster, node, world));
        if differences.len() == 0 && n_stale == 0 {
            return;
        }
        let (name, n_rules) = (&cluster.nodes[node].name, differences.len());
        let rules = if n_rules == 1 { "rule" } else { "rules" };
        let mut title = format!("kube-proxy on {name} rewrites {n_rules} {rules}");
        let mut text = format!(
            "It hears of Services and their endpoints, and writes what it knows by iptables-restore: of the rules, {}.",
            differences.words()
        );
        if n_rules == 0 {
            title = format!("kube-proxy on {name} forgets connections");
            "The rules stay as they are.".clone_into(&mut text);
        }
        if n_stale > 0 {
            text.push_str(" What is known of connections by UDP whose endpoint is gone is deleted, so that their next packet meets the rules anew.");
        }
        done.notes.push(Note {
            title,
            text,
            by: KUBE_PROXY,
            netns: cluster.nodes[node].netns.clone(),
            short: differences.short(),
            source: "syncProxyRules",
            details: differences.listed(),
            ..Note::default()
        });
    }

    fn keep_policies(&mut self, node: usize, done: &mut Done) {
        let Some(differences) = self.nodes[node].keep_policies(&self.now) else { return };
        done.operations.extend(self.nodes[node].operations(&self.now));
        let name = &self.now.nodes[node].name;
        let n_rules = differences.len();
        let (title, text) = if n_rules == 0 {
            (
                format!("the policy engine on {name} changes its sets"),
                "Which pods are meant is others; the rules stay.".to_owned(),
            )
        } else {
            let rules = if n_rules == 1 { "rule" } else { "rules" };
            (
                format!("the policy engine on {name} rewrites {n_rules} {rules}"),
                format!(
                    "It hears of policies and of the pods they are about: of its rules, {}.",
                    differences.words()
                ),
            )
        };
        done.notes.push(Note {
            title,
            text,
            by: "policy engine",
            netns: self.now.nodes[node].netns.clone(),
            short: differences.short(),
            source: "fullPolicySync",
            details: differences.listed(),
            ..Note::default()
        });
    }

    /// CoreDNS and ingress controllers answer by what they know now.
    fn reload(&mut self, done: &mut Done) {
        let cluster = &self.now;
        let mut programs = Programs::new(cluster);
        let watches =
            |pod: &&Pod| addons::is_dns(&pod.labels) || addons::is_ingress_controller(&pod.labels);
        for pod in cluster.pods.iter().filter(watches) {
            for item in programs.of(pod) {
                let Op::Run { netns, owner, app } = item.op else { continue };
                let op = Op::Reload { netns, owner, app };
                done.operations.push(Configured { op, origin: item.origin });
            }
            let (who, source) = if addons::is_dns(&pod.labels) {
                ("CoreDNS", "dnsControl")
            } else {
                ("the ingress controller", "syncIngress")
            };
            done.notes.push(Note {
                title: format!("{who} answers by what it knows now"),
                text: format!("{} watches Services and their endpoints.", pod.origin()),
                by: who,
                netns: pod.netns.clone(),
                short: "knows of it".into(),
                source,
                ..Note::default()
            });
        }
    }
}
