//! The hooks a step's packet passes, and what their rules made of it.

use std::net::Ipv4Addr;

use everyhop_engine::base::{DevId, Hook, NsId, PacketId, Side};
use everyhop_engine::story::{Move, MoveKind, Step};
use everyhop_engine::trace::{DropReason, Event};

use super::Told;

/// A hook that the packet passes in a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    pub ns: NsId,
    pub hook: Hook,
    pub act: Act,
    /// Rules that matched there.
    pub n_rules: usize,
}

/// What the rules made of a packet, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    Passed,
    /// No packet: a component has written rules that are asked from there.
    Written,
    /// Rewritten as its connection says; no rule is asked again.
    Remembered(Side),
    /// Rewritten by a rule: the connection's first packet.
    Bound(Side),
    Dropped,
    /// Dropped, and the sender is told.
    Rejected,
}

impl Gate {
    /// At most some twelve characters; empty if there is nothing to say.
    pub fn says(&self) -> String {
        match (self.act, self.n_rules) {
            (Act::Written, _) => "new rules".into(),
            (Act::Passed, 0) => String::new(),
            (Act::Passed, 1) => "1 rule".into(),
            (Act::Passed, n) => format!("{n} rules"),
            (Act::Remembered(_), _) => "conntrack".into(),
            (Act::Bound(Side::Source), _) => "SNAT".into(),
            (Act::Bound(Side::Destination), _) => "DNAT".into(),
            (Act::Dropped, _) => "DROP".into(),
            (Act::Rejected, _) => "REJECT".into(),
        }
    }
}

/// An end of the packet that was given another address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    pub side: Side,
    pub from: (Ipv4Addr, u16),
    pub to: (Ipv4Addr, u16),
}

/// Which way a packet takes through its host is told by its events, not by what is drawn.
struct Walk {
    gates: Vec<Gate>,
    /// The hook whose rules are being walked.
    at: Option<(NsId, Hook)>,
}

impl Walk {
    fn pass(&mut self, ns: NsId, hook: Hook) -> &mut Gate {
        let index = self.gates.iter().position(|it| (it.ns, it.hook) == (ns, hook));
        let index = index.unwrap_or_else(|| {
            self.gates.push(Gate { ns, hook, act: Act::Passed, n_rules: 0 });
            self.gates.len() - 1
        });
        &mut self.gates[index]
    }

    fn act(&mut self, ns: NsId, hook: Hook, act: Act) {
        let gate = self.pass(ns, hook);
        gate.act = gate.act.max(act);
    }
}

/// The hooks that the step's leading packet passes, in order, and the rewrites that it sees there.
pub(super) fn gates(told: Told<'_>, step: &Step) -> (Vec<Gate>, Vec<Rewrite>) {
    let Some(&main) = step.moves.first() else { return (Vec::new(), Vec::new()) };
    let mut walk = Walk { gates: Vec::new(), at: None };
    let (mut rewrites, mut rejects) = (Vec::new(), false);
    let ns_of = |dev: DevId| told.world.devices[dev].ns;
    for event in events_of(told, step, main.packet) {
        match event {
            Event::BridgeCallsRules { bridge, hook, .. } => {
                walk.pass(ns_of(bridge), hook);
                walk.at = Some((ns_of(bridge), hook));
            }
            Event::RuleMatched { ns, rule } => {
                let tables = told.world.netns[ns].netfilter.as_ref().map(|it| &it.tables);
                let own = tables.and_then(|it| it.hook_of(rule.table, rule.chain));
                rejects = tables.is_some_and(|it| it.rule_text(rule).contains("-j REJECT"));
                walk.at = own.map(|hook| (ns, hook)).or(walk.at);
                if let Some((ns, hook)) = walk.at {
                    walk.pass(ns, hook).n_rules += 1;
                }
            }
            Event::ChainPolicy { ns, hook, .. } => {
                walk.pass(ns, hook);
                walk.at = Some((ns, hook));
            }
            Event::NatBound { ns, side, .. } => {
                let hook = walk.at.map_or(usual_hook(side), |(_, hook)| hook);
                walk.act(ns, hook, Act::Bound(side));
            }
            Event::NatRewrote { ns, side, from, to, quoted: false } => {
                let bound = walk.gates.iter().any(|it| it.act == Act::Bound(side));
                if !bound {
                    walk.act(ns, usual_hook(side), Act::Remembered(side));
                }
                rewrites.push(Rewrite { side, from, to });
            }
            Event::Forward { ns, .. } => {
                walk.pass(ns, Hook::Forward);
                walk.pass(ns, Hook::PostRouting);
            }
            Event::LocalDeliver { ns, .. } => {
                walk.pass(ns, Hook::LocalIn);
            }
            Event::Encapsulate { out, .. } => {
                walk.pass(ns_of(out), Hook::LocalOut);
                walk.pass(ns_of(out), Hook::PostRouting);
            }
            Event::SocketSend { ns, .. } => {
                walk.pass(ns, Hook::LocalOut);
                walk.pass(ns, Hook::PostRouting);
            }
            Event::Dropped { reason: DropReason::NetfilterDrop, .. } => {
                if let Some((ns, hook)) = walk.at {
                    let act = if rejects { Act::Rejected } else { Act::Dropped };
                    walk.act(ns, hook, act);
                    // Where it would have gone on to.
                    walk.gates.retain(|it| it.act >= Act::Dropped || it.hook < hook);
                }
            }
            _ => {}
        }
    }
    let arrives = walk.gates.iter().any(|it| matches!(it.hook, Hook::LocalIn | Hook::Forward));
    if arrives && matches!(main.kind, MoveKind::Wire | MoveKind::Forward) {
        walk.pass(arrival(told, main), Hook::PreRouting);
    }
    (walk.gates, rewrites)
}

/// The events of one packet in a step.
pub(super) fn events_of<'a>(
    told: Told<'a>,
    step: &'a Step,
    packet: PacketId,
) -> impl Iterator<Item = Event> + use<'a> {
    let entries = &told.trace.entries;
    let of_step = step.events.iter().map(move |&index| entries[index]);
    of_step.filter(move |it| it.packet == Some(packet)).map(|it| it.event)
}

fn arrival(told: Told<'_>, main: Move) -> NsId {
    told.world.devices[main.to].ns
}

/// Where an end is rewritten of a packet that goes through its host.
const fn usual_hook(side: Side) -> Hook {
    match side {
        Side::Source => Hook::PostRouting,
        Side::Destination => Hook::PreRouting,
    }
}
