//! Actions that are programs: what is run for them, and what came of it.

use std::net::Ipv4Addr;

use super::run::ActionResult;
use super::{Action, Destination, Lab, Source};
use crate::app::curl::{Curl, End, Fetched};
use crate::app::dig::Dig;
use crate::app::http_server::Served;
use crate::app::resolver::{Conf, Resolution, Unanswered};
use crate::app::{App, Chance, Closed, Outcome};
use crate::base::{ProcessId, Rng};
use crate::story::{Lost, Verdict};
use crate::wire::dns::Rcode;
use crate::world::World;

/// Of every `/etc/hosts` the one line that matters here.
pub(super) const LOCALHOST: &str = "localhost";

impl Lab {
    /// The program that does what an action says. None: a socket does.
    pub(super) fn program(&self, rng: &mut Rng, action: &Action) -> Option<App> {
        let chance = Chance::new(rng.bits16());
        let conf = self.resolv_conf(action.from);
        match &action.to {
            Destination::Address { .. } => None,
            Destination::Dns { name, kind } => Some(App::Dig(Dig::new(&conf, name, *kind, chance))),
            Destination::Page(url) => {
                // A client on the internet knows the sites of the cluster by their public names.
                let at = match action.from {
                    Source::Internet => self
                        .cluster
                        .site_address(&url.host)
                        .or_else(|| self.cluster.outside.as_ref()?.host_address(&url.host))
                        .or_else(|| self.cluster.ingress_address()),
                    Source::Pod(_) | Source::Node(_) => None,
                };
                let at = match url.host.as_str() {
                    LOCALHOST => Some(Ipv4Addr::LOCALHOST),
                    host => at.filter(|_| host.parse::<Ipv4Addr>().is_err()),
                };
                Some(App::Curl(Box::new(Curl::new(url.clone(), &conf, at, chance))))
            }
        }
    }

    fn resolv_conf(&self, source: Source) -> Conf {
        match source {
            Source::Pod(pod) => self.cluster.resolv_conf(&self.cluster.pods[pod]),
            Source::Node(_) => self.cluster.node_resolv_conf(),
            Source::Internet => Conf::default(),
        }
    }

    /// What came of a program.
    pub(super) fn outcome(&self, world: &World, process: ProcessId) -> ActionResult {
        match &world.process(process).outcome {
            None => ActionResult {
                verdict: Verdict::Timeout,
                because: "the program was still waiting after two and a half minutes".to_owned(),
                ..ActionResult::default()
            },
            Some(Outcome::Killed) => ActionResult {
                verdict: Verdict::Timeout,
                because: "the program was ended before there was an answer".to_owned(),
                ..ActionResult::default()
            },
            Some(Outcome::Resolved(resolution)) => resolved(resolution),
            Some(Outcome::Fetched(fetched)) => {
                let mut result = self.fetched(fetched);
                if let Some(said) = said_on_the_way(world, &fetched.end) {
                    result.because.push_str(&said);
                }
                result
            }
        }
    }

    fn fetched(&self, fetched: &Fetched) -> ActionResult {
        let Fetched { resolution, server, .. } = fetched;
        let speaker = server.map_or_else(|| "the server".to_owned(), |it| it.to_string());
        let mut result = ActionResult { resolution: resolution.clone(), ..ActionResult::default() };
        (result.verdict, result.because) = match &fetched.end {
            End::Responded(response) => {
                result.status = Some(response.status);
                if let Some(served) = Served::read(&response.body) {
                    result.seen_source = Some(served.client);
                    result.served_by = self.pod_named(&served.by);
                }
                (Verdict::Delivered, format!("{speaker} answered with status {}", response.status))
            }
            End::Encrypted => (Verdict::Delivered, format!("{speaker} answered the hello of TLS")),
            End::NotResolved => {
                let told = resolution.as_ref().map(resolved).unwrap_or_default();
                let verdict = match told.verdict {
                    Verdict::Delivered => Verdict::Dropped,
                    other => other,
                };
                (verdict, format!("the name has no address: {}", told.because))
            }
            End::Closed(Closed::Refused) => {
                (Verdict::Refused, format!("{speaker} refuses connections"))
            }
            End::Closed(Closed::TimedOut) => {
                (Verdict::Timeout, format!("{speaker} did not answer"))
            }
            End::Closed(Closed::Unreachable) => {
                (Verdict::Rejected, format!("{speaker} cannot be reached"))
            }
            End::Closed(Closed::Reset | Closed::Ended) | End::Empty => (
                Verdict::Rejected,
                format!("{speaker} ended the connection before there was an answer"),
            ),
            End::Malformed(malformed) => {
                (Verdict::Delivered, format!("{speaker} answered, but not in HTTP: {malformed}"))
            }
        };
        result
    }

    /// A pod by `NAMESPACE/NAME`.
    fn pod_named(&self, name: &str) -> Option<usize> {
        let (namespace, name) = name.split_once('/')?;
        self.cluster.find_pod(namespace, name)
    }
}

/// Why a program got no answer: it knows only that there was none, and what its kernel told it.
pub(super) fn explain(result: &mut ActionResult, lost: Option<Lost>) {
    let (verdict, why) = match (result.verdict, lost) {
        (Verdict::Refused | Verdict::Rejected, Some(Lost::Rule(rule))) => {
            (Verdict::Rejected, format!("rejected by {rule}"))
        }
        (Verdict::Timeout | Verdict::Dropped, Some(Lost::Rule(rule))) => {
            (Verdict::Dropped, format!("dropped by {rule}"))
        }
        (Verdict::Timeout, Some(Lost::At(place))) => {
            (Verdict::Dropped, format!("dropped at {place}"))
        }
        _ => return,
    };
    result.verdict = verdict;
    result.because = format!("{}: {why}", result.because);
}

fn resolved(resolution: &Resolution) -> ActionResult {
    let (verdict, because) = match resolution.rcode {
        Ok(Rcode::NoError) if !resolution.answers.is_empty() => {
            (Verdict::Delivered, "the name was answered".to_owned())
        }
        Ok(Rcode::NoError) => {
            (Verdict::Delivered, "the name is there, but has nothing of that type".to_owned())
        }
        Ok(rcode) => (Verdict::Delivered, format!("the server answered {rcode}")),
        Err(Unanswered::TimedOut) => (Verdict::Timeout, "no server answered".to_owned()),
        Err(Unanswered::Refused) => {
            (Verdict::Refused, "nobody listens at any name server's address".to_owned())
        }
    };
    ActionResult {
        verdict,
        because,
        resolution: Some(resolution.clone()),
        ..ActionResult::default()
    }
}
/// What the proxy that the request came by says of it, if it came by one.
fn said_on_the_way(world: &World, end: &End) -> Option<String> {
    let is_about_it = |line: &str| match end {
        End::Responded(response) => match Served::read(&response.body) {
            Some(served) => served.forwarded_for.is_some() && line.ends_with(')'),
            None => line.strip_prefix(&*response.status.to_string()).is_some(),
        },
        End::Encrypted => line.starts_with("a hello of TLS"),
        End::NotResolved | End::Closed(_) | End::Empty | End::Malformed(_) => false,
    };
    world.processes().find_map(|(_, process)| {
        let App::Ingress(proxy) = &process.app else { return None };
        let line = proxy.log().last().filter(|line| is_about_it(line))?;
        Some(format!("; {} says: {line}", world.netns[process.ns].name))
    })
}
