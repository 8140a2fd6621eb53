//! Labs: a cluster, what is sent in it, and what to notice; read from one text, run to a trace and its story.
//!
//! Whatever shows a lab (page, command line, test) uses [`Lab`] and [`Run`] alone.

mod around;
mod document;
mod end;
mod expect;
mod kubectl;
mod names;
pub mod narration;
mod pattern;
mod play;
mod program;
mod run;
mod transcript;
mod variant;

use std::fmt;

pub use end::{Destination, Named, Refused, Source};
pub use expect::Claim;
pub use run::{ActionResult, Run};
pub use transcript::{Field, Told, Transcript};
pub use variant::{Variant, Variants};

use crate::base::Nanos;
use crate::kube::control::{self, Change};
use crate::kube::{self, Cluster, Objects, Settings};
use crate::tool::Configured;
use crate::world::World;
use crate::yaml::{self, At, Place, Problem, Report};
use document::Document;
use expect::Expect;

/// A lab, ready to run.
#[derive(Clone, Debug)]
pub struct Lab {
    pub title: String,
    /// All chance is drawn from it.
    pub seed: u64,
    /// With all that is ever in it.
    pub cluster: Cluster,
    /// What builds the lab's world, with who caused it.
    pub configured: Vec<Configured>,
    pub actions: Vec<Act>,
    /// What comes, goes and changes; None: nothing does.
    pub changing: Option<Box<Changing>>,
    pub settings: Settings,
    script: narration::Script,
    pub variants: Option<Variants>,
    /// Where to go on from it.
    pub doors: Vec<Door>,
    expect: Vec<Expect>,
    kept: kube::Kept,
}

/// A lab and what its author may want to know.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub lab: Lab,
    /// Objects of no use here, fields that may be misspelt, and what was assumed.
    pub notices: Vec<Problem>,
}

/// Objects that change while a lab runs.
#[derive(Clone, Debug)]
pub struct Changing {
    /// The cluster before the first change.
    pub start: Cluster,
    pub changes: Vec<Change>,
}

/// Something that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    Send(Action),
    /// Objects are changed.
    Change {
        /// Index into [`Changing::changes`].
        change: usize,
        /// How long the world runs on; None: until everybody has heard of it.
        wait: Option<Nanos>,
    },
}

impl Act {
    /// What is sent, if something is.
    pub const fn send(&self) -> Option<&Action> {
        match self {
            Self::Send(action) => Some(action),
            Self::Change { .. } => None,
        }
    }

    const fn wait(&self) -> Option<Nanos> {
        match self {
            Self::Send(action) => Some(action.wait),
            Self::Change { wait, .. } => *wait,
        }
    }
}

/// Something sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Action {
    pub from: Source,
    pub to: Destination,
    pub protocol: Protocol,
    pub payload: Vec<u8>,
    /// How long the world runs on after the last frame; an exchange that got no answer takes [`Action::NO_ANSWER`].
    pub wait: Nanos,
}

impl Action {
    /// Until when a sender that hears nothing waits: long enough for three ARP requests to go unanswered.
    pub const NO_ANSWER: Nanos = Nanos::from_secs(4);
}

/// How it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// An echo request.
    Icmp,
    Udp,
    /// A connection: the payload goes first, and the other side closes.
    Tcp,
}

impl Protocol {
    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// Reads `icmp`, `udp` or `tcp`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Icmp, Self::Udp, Self::Tcp].into_iter().find(|protocol| protocol.name() == name)
    }

    /// What is sent where nothing else is given: for an echo, 56 bytes as `ping` sends them.
    fn default_payload(self) -> Vec<u8> {
        match self {
            Self::Icmp => (0..56).collect(),
            Self::Udp | Self::Tcp => b"hello".to_vec(),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A way on from a lesson, to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Door {
    pub say: String,
    /// The names of the lessons' labs.
    pub lessons: Vec<String>,
}

impl Lab {
    /// Reads a lab from a text: Kubernetes objects, and at most one document of kind Lab. A text that cannot be used
    /// gives all its problems.
    pub fn load(text: &str) -> Result<Loaded, Vec<Problem>> {
        Self::load_for(text, &[])
    }

    /// [`Lab::load`] for a lab that will be asked for these ends, too, besides its own actions': it gets what they need,
    /// such as a way to the internet.
    pub fn load_for(text: &str, ends: &[&str]) -> Result<Loaded, Vec<Problem>> {
        Self::load_variant(text, ends, None)
    }

    /// [`Lab::load_for`] for the variant with this name; None is the lab as it stands.
    pub fn load_variant(
        text: &str,
        ends: &[&str],
        variant: Option<&str>,
    ) -> Result<Loaded, Vec<Problem>> {
        let mut report = Report::default();
        let lab = match read(text, ends, variant, &mut report) {
            Ok(lab) => lab,
            Err(problem) => {
                report.problem(problem);
                None
            }
        };
        match (report.finish(), lab) {
            (Ok(notices), Some(lab)) => Ok(Loaded { lab, notices }),
            (Ok(_), None) => unreachable!("a text without a problem gives a lab"),
            (Err(problems), _) => Err(problems),
        }
    }

    /// [`Lab::load_for`] for a file's bytes.
    pub fn from_bytes(bytes: &[u8], ends: &[&str]) -> Result<Loaded, Vec<Problem>> {
        Self::load_for(yaml::text_from_bytes(bytes).map_err(|problem| vec![problem])?, ends)
    }

    /// One thing to send, for [`Lab::run_actions`]: `from` as in `pod/pod-1`, `to` as in `pod/pod-2:8080`. Without a
    /// protocol it is the one that the destination's pod declares for the port.
    pub fn exchange(
        &self,
        from: &str,
        to: &str,
        protocol: Option<Protocol>,
    ) -> Result<Action, Refused> {
        let from = end::source(from, &self.cluster)?;
        let to = end::destination(to, from, &self.cluster)?;
        action(from, to, protocol, &self.cluster)
    }

    /// The text that [`Lab::exchange`] reads as this pod.
    pub fn pod_name(&self, pod: usize) -> String {
        format!("pod/{}", self.cluster.pods[pod].short_name())
    }

    /// What a change is, in words: `Service default/web is applied`.
    pub fn change_name(&self, change: usize) -> String {
        let found = self.changing.as_ref().and_then(|it| it.changes.get(change));
        found.map(Change::words).unwrap_or_default()
    }

    /// How many claims there are.
    pub fn n_claims(&self) -> usize {
        self.expect.len()
    }

    /// The claims that a run does not keep.
    pub fn unmet(&self, run: &Run) -> Vec<Problem> {
        self.expect.iter().filter_map(|expect| expect.unmet(self, run)).collect()
    }
}

fn action(
    from: Source,
    to: Destination,
    protocol: Option<Protocol>,
    cluster: &Cluster,
) -> Result<Action, Refused> {
    let protocol = protocol.unwrap_or_else(|| end::protocol_to(&to, cluster));
    let Destination::Address { port, .. } = to else {
        return Ok(Action { from, to, protocol, payload: Vec::new(), wait: Nanos::ZERO });
    };
    match (protocol, port) {
        (Protocol::Icmp, Some(port)) => Err(Refused::Wrong(format!(
            "an echo request (icmp) goes to no port: expected a destination without :{port}"
        ))),
        (Protocol::Udp | Protocol::Tcp, None) => {
            Err(Refused::Wrong(format!("expected a destination with a port for {protocol}")))
        }
        (Protocol::Icmp, None) | (Protocol::Udp | Protocol::Tcp, Some(_)) => {
            let payload = protocol.default_payload();
            Ok(Action { from, to, protocol, payload, wait: Nanos::ZERO })
        }
    }
}

/// Clusters of at most so many nodes are built at once; in larger ones a node is when a packet reaches it.
const MAX_AWAKE: usize = 32;

fn is_awake(cluster: &Cluster) -> bool {
    cluster.nodes.len() <= MAX_AWAKE
}

/// What the world begins with.
fn begin(cluster: &Cluster) -> Vec<Configured> {
    if is_awake(cluster) { kube::compile(cluster) } else { kube::machines(cluster) }
}

/// None: the report says why not.
fn read(
    text: &str,
    ends: &[&str],
    variant: Option<&str>,
    report: &mut Report,
) -> Result<Option<Lab>, Problem> {
    let mut trees = yaml::parse(text, report)?;
    let of_lab = trees.iter().position(|document| document::is_lab(&At::root(document)));
    let variants = match (of_lab, variant) {
        (Some(of_lab), _) => variant::choose(&mut trees, of_lab, variant, report)?,
        (None, Some(name)) => {
            return Err(Problem::of_text(format!("there is no variant {name:?}: found none")));
        }
        (None, None) => None,
    };
    let documents: Vec<At<'_>> =
        trees.iter().map(At::root).filter(|root| !root.is_null()).collect();
    if documents.is_empty() {
        return Err(Problem::of_text(
            "the text is empty: expected Kubernetes objects, such as a Pod",
        ));
    }
    // Apart, so that a mistake in the Lab document does not hide one in the cluster.
    let (mut objects, mut of_objects) = (Objects::default(), Report::default());
    let mut lab: Option<(Place, Document)> = None;
    for root in documents.iter().filter(|root| document::is_lab(root)) {
        if let Some((first, _)) = &lab {
            let message =
                format!("expected one Lab, found a second (the first at line {})", first.at.line);
            report.problem(root.problem(message));
        } else {
            lab = Some((root.place(), document::read(root, report)));
        }
    }
    let mut document = lab.map(|(_, document)| document).unwrap_or_default();
    for root in documents.iter().filter(|root| !document::is_lab(root)) {
        if !document.holds_back(root, &mut of_objects) {
            objects.read(root, &mut of_objects);
        }
    }
    drop(documents);
    drop(trees);
    document.complain_of_missing(report);
    let mut settings = document.settings.clone();
    let all = ends.iter().copied().chain(document.ends());
    let written = document.changes();
    if written.is_empty() {
        end::note_needs(all, &objects, &mut settings);
    } else {
        end::note_needs(all, &control::whole(&objects, &written), &mut settings);
    }
    let (cluster, changing) = if written.is_empty() {
        (objects.cluster(&settings, &mut of_objects), None)
    } else {
        // What comes may need a way out, or be named.
        settings.needs_outside |= !document.no_internet;
        match control::stages(objects, &written, &settings, &mut of_objects) {
            None => (None, None),
            Some((whole, start, changes)) => {
                (Some(whole), Some(Box::new(Changing { start, changes })))
            }
        }
    };
    report.absorb(of_objects);
    let Some(cluster) = cluster else { return Ok(None) };
    let actions = document.actions(&cluster, report);
    let configured = begin(changing.as_ref().map_or(&cluster, |it| &it.start));
    let kept = kube::Kept::default();
    if !is_awake(&cluster) && kube::has_rules(&cluster) {
        kept.prepare(&cluster)
            .map_err(|error| Problem::of_text(format!("kube-proxy's rules: {error}")))?;
    }
    build(document.seed, &cluster, &configured, &kept)?;
    let Document { title, seed, script, doors, expect, .. } = document;
    Ok(Some(Lab {
        title,
        seed,
        cluster,
        configured,
        actions,
        changing,
        settings,
        script,
        variants,
        doors,
        expect,
        kept,
    }))
}

/// The world before any action.
fn build(
    seed: u64,
    cluster: &Cluster,
    configured: &[Configured],
    kept: &kube::Kept,
) -> Result<World, Problem> {
    let mut world = World::new(seed);
    if let Err((index, error)) = kept.apply(&mut world, configured) {
        let origin = configured[index].origin.as_deref().unwrap_or("the underlay");
        return Err(Problem::of_text(format!("{origin}: {error}")));
    }
    if !is_awake(cluster) {
        for node in &cluster.nodes {
            if let Some(ns) = world.find_netns(&node.netns) {
                world.netns[ns].is_dormant = true;
            }
        }
    }
    Ok(world)
}

#[cfg(test)]
mod tests;
