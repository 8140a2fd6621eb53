//! Linux state as the standard tools print it, read into a [`World`] and replayed. The format is described in
//! docs/cli.md.
//!
//! A snapshot is loaded whole or refused: what this engine does not model yet is a [`Problem`] with its file and place,
//! since a world without it would show what Linux does not do. This module knows no file system: files come as bytes.

mod conntrack;
mod links;
mod netfilter;
mod ports;
mod read;
mod replay;
mod routes;
mod sockets;
mod sysctl;
mod tunnels;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

pub use crate::trace::Direction;
pub use replay::{Capture, replay, replay_in};

use crate::base::{DevId, NsId};
use crate::world::World;
use crate::yaml::Problem;
use links::{Link, NsidEntry};
use read::{Item, Text};

/// A snapshot's files by their path within it, `/` between the parts: `node1/addr.json`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What may stand in a namespace's directory. A file of another name may be a misspelt one, whose rules would be missing.
const NETNS_FILES: &[&str] = &[
    "addr.json",
    "nsid.json",
    "route.json",
    "route6.json",
    "rule.json",
    "rule6.json",
    "neigh.json",
    "fdb.json",
    "bridge_link.json",
    "iptables.txt",
    "ip6tables.txt",
    "nft.json",
    "ipset.txt",
    "conntrack.txt",
    "sysctl.txt",
    "sockets.txt",
];

#[derive(Deserialize)]
struct Meta {
    format: String,
    version: u64,
}

/// One namespace while it is being built.
struct Netns<'a> {
    id: NsId,
    name: &'a str,
    files: &'a Files,
    links: Vec<Item<'a, Link>>,
    /// The devices of `links`, in the same order.
    devs: Vec<DevId>,
    by_name: BTreeMap<String, DevId>,
    nsids: Vec<Item<'a, NsidEntry>>,
}

impl<'a> Netns<'a> {
    /// One of the namespace's files, if it is there.
    fn file(&self, file: &str) -> Result<Option<Text<'a>>, Problem> {
        Text::find(self.files, &format!("{}/{file}", self.name))
    }

    /// The items of one of its JSON files; none, if it is not there.
    fn list<T: Deserialize<'a>>(&self, file: &str) -> Result<Vec<Item<'a, T>>, Problem> {
        self.file(file)?.map_or(Ok(Vec::new()), Text::list)
    }

    /// The device an item names in `field`.
    fn dev<T>(&self, item: &Item<'_, T>, field: &str, name: &str) -> Result<DevId, Problem> {
        self.by_name.get(name).copied().ok_or_else(|| {
            item.problem(field, format!("{}/addr.json has no device {name:?}", self.name))
        })
    }
}

/// The world that a snapshot describes, at time zero.
pub fn load(files: &Files) -> Result<World, Problem> {
    check_meta(files)?;
    let names = netns_names(files)?;
    let mut world = World::new(1);
    let mut all = Vec::new();
    for name in names {
        netfilter::refuse(files, name)?;
        all.push(links::add_netns(&mut world, files, name)?);
    }
    links::join(&mut world, &all)?;
    tunnels::fill(&mut world, &all)?;
    let mut known = netfilter::Known::default();
    for netns in &all {
        ports::fill(&mut world, netns)?;
        links::add_addresses(&mut world, netns)?;
        sysctl::fill(&mut world, netns)?;
        routes::fill(&mut world, netns)?;
        netfilter::fill(&mut world, netns, &mut known)?;
        conntrack::fill(&mut world, netns)?;
        sockets::fill(&mut world, netns)?;
    }
    Ok(world)
}

fn check_meta(files: &Files) -> Result<(), Problem> {
    let Some(text) = Text::find(files, "meta.json")? else {
        let elsewhere = files.keys().find_map(|name| name.strip_suffix("/meta.json"));
        let message = match elsewhere {
            Some(inner) => format!("missing; there is one in {inner}: is that the snapshot?"),
            None => "missing, so this is no snapshot".into(),
        };
        return Err(Problem { file: Some("meta.json".into()), ..Problem::of_text(message) });
    };
    let meta: Meta = text.object()?;
    if meta.format != "everyhop-snapshot" {
        let message = format!("expected \"everyhop-snapshot\", found {:?}", meta.format);
        return Err(text.whole("format", message));
    }
    if meta.version != 1 {
        let message =
            format!("this program reads version 1, and this snapshot is of {}", meta.version);
        return Err(text.whole("version", message));
    }
    Ok(())
}

/// The directories at the top, each a namespace.
fn netns_names(files: &Files) -> Result<BTreeSet<&str>, Problem> {
    let mut names = BTreeSet::new();
    for path in files.keys() {
        let Some((netns, file)) = path.split_once('/') else { continue };
        if netns.starts_with('.') || file.starts_with('.') {
            continue;
        }
        if !NETNS_FILES.contains(&file) {
            let message =
                format!("no part of a snapshot; expected one of {}", NETNS_FILES.join(", "));
            return Err(Problem { file: Some(path.clone()), ..Problem::of_text(message) });
        }
        names.insert(netns);
    }
    if names.is_empty() {
        let message =
            "this snapshot has no namespaces; expected directories such as node1 with an addr.json";
        return Err(Problem::of_text(message));
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
