//! `conntrack.txt` and the settings `net.netfilter.nf_conntrack_*`: the connections that were there, and how new ones are
//! tracked.

use super::Netns;
use super::read::Line;
use crate::netfilter::conntrack::Settings;
use crate::tool::conntrack;
use crate::world::World;
use crate::yaml::Problem;

/// Takes the connections of a namespace into its table. They matter as soon as a rule needs tracking.
pub(super) fn fill(world: &mut World, netns: &Netns<'_>) -> Result<(), Problem> {
    let Some(text) = netns.file("conntrack.txt")? else { return Ok(()) };
    let now = world.now();
    for line in text.lines() {
        let known = conntrack::parse(line.words).map_err(|(word, message)| {
            let skip = line.words.find(word).unwrap_or(0);
            line.problem(line.words[..skip].chars().count(), word, message)
        })?;
        let Some(known) = known else { continue };
        let table = &mut world.netns[netns.id].netfilter_mut().conntrack;
        if !table.add_known(&known, now) {
            let message = "another connection has the same tuple";
            return Err(line.problem(0, line.words, message));
        }
    }
    Ok(())
}

/// One setting, by its name behind `net.netfilter.nf_conntrack_`. Those that decide nothing here are passed over.
pub(super) fn setting(
    world: &mut World,
    netns: &Netns<'_>,
    line: Line<'_>,
    name: &str,
    value: &str,
) -> Result<(), Problem> {
    let mut settings = world.netns[netns.id]
        .netfilter
        .as_ref()
        .map_or_else(Settings::default, |netfilter| netfilter.conntrack.settings);
    let before = settings;
    if !settings.set(name, 0) {
        return Ok(());
    }
    let Ok(value) = value.parse() else {
        let message = format!("expected a number, found {value:?}");
        return Err(line.problem(0, line.words, message));
    };
    settings.set(name, value);
    if settings != before {
        world.netns[netns.id].netfilter_mut().conntrack.settings = settings;
    }
    Ok(())
}
