//! `everyhop rules`: the rules that a node of a lab has, as `iptables-save` prints them.

use std::path::PathBuf;

use everyhop_engine::kube::kube_proxy::{KubeProxy, Made, Mode};
use everyhop_engine::lesson::Lab;
use everyhop_engine::netfilter::Netfilter;
use everyhop_engine::tool::{self, Configured};
use lexopt::prelude::*;

use crate::{Answer, Failure, input, lab, print};

/// Runs the command with the arguments that follow its name.
pub(crate) fn run(args: &mut lexopt::Parser) -> Result<Answer, Failure> {
    let (mut path, mut node) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Long("node") => node = Some(args.value()?.string()?),
            Long("mode") => {
                let name = args.value()?.string()?;
                match Mode::from_name(&name).filter(|_| !name.is_empty()) {
                    Some(Mode::Iptables) => {}
                    Some(Mode::Nftables) => {
                        return Err(Failure(
                            "--mode: nftables is not modelled yet; there is iptables".into(),
                        ));
                    }
                    None => {
                        return Err(Failure(format!("--mode: expected iptables, found {name:?}")));
                    }
                }
            }
            Value(value) if path.is_none() => path = Some(PathBuf::from(value)),
            other => return Err(other.unexpected().into()),
        }
    }
    let path = path.ok_or_else(|| {
        Failure("rules needs LAB.yaml, or - for standard input; everyhop --help shows how".into())
    })?;
    let node = node.ok_or_else(|| Failure("rules needs --node with a node's name".into()))?;
    let name = input::name(&path);
    let lab = lab::load(&name, &input::read(&path, lab::MAX_BYTES)?)?;
    let node = find_node(&lab, &node, &name)?;
    let netfilter = of_node(&lab, node).map_err(|why| Failure(format!("{name}: {why}")))?;
    print(&netfilter.tables.save(false))?;
    Ok(Answer::Done)
}

/// A node by its name.
pub(crate) fn find_node(lab: &Lab, node: &str, file: &str) -> Result<usize, Failure> {
    lab.cluster.find_node(node).ok_or_else(|| {
        let known: Vec<&str> = lab.cluster.nodes.iter().map(|it| it.name.as_str()).collect();
        Failure(format!("{file}: there is no node {node:?}; there are {}", known.join(", ")))
    })
}

/// All rules, sets and settings of a node. One whose Services need no rules has kube-proxy's own all the same.
pub(crate) fn of_node(lab: &Lab, node: usize) -> Result<Netfilter, String> {
    let mut world = lab.world(node..node + 1);
    let netns = &lab.cluster.nodes[node].netns;
    let find = |world: &everyhop_engine::world::World| {
        let found = world.netns.iter().find(|(_, ns)| *ns.name == **netns);
        found.and_then(|(_, ns)| ns.netfilter.as_deref().cloned()).unwrap_or_default()
    };
    let there = find(&world);
    if there.tables.has_chain(everyhop_engine::base::Table::Nat, "KUBE-SERVICES") {
        return Ok(there);
    }
    let items: Vec<Configured> = KubeProxy::new(&lab.cluster).node(node, &mut Made::default());
    tool::apply(&mut world, &items).map_err(|(_, error)| error.to_string())?;
    Ok(find(&world))
}
