//! The rules that a node has as a step ends, those first that are new in it: for steps in which no packet asks any, but a
//! component may have written some.

use everyhop_engine::base::NsId;
use everyhop_engine::world::World;
use yew::prelude::*;

use crate::state::run::Shown;

#[derive(PartialEq, Properties)]
pub struct Props {
    pub shown: Shown,
    pub step_idx: usize,
    pub netns: NsId,
}

/// Each with its table, as `iptables-save` prints it.
type Line = (String, String);

#[component]
pub fn Written(props: &Props) -> Html {
    let asked = (props.shown.clone(), props.step_idx, props.netns);
    let found = use_memo(asked, |(shown, step, netns)| {
        let now = rules(&shown.world_at(*step), *netns);
        let before = match step.checked_sub(1) {
            Some(before) => rules(&shown.world_at(before), *netns),
            None => now.clone(),
        };
        let (old, new): (Vec<Line>, Vec<Line>) =
            now.into_iter().partition(|line| before.contains(line));
        (new, old, before.len())
    });
    let (new, old, n_before) = &*found;
    let name = &props.shown.run.end.netns[props.netns].name;
    let all = new.len() + old.len();
    let gone = (n_before + new.len()).saturating_sub(all);
    let mut says = format!("{name} · {} at this step", counted(all));
    if !new.is_empty() {
        says.push_str(&format!(", {} of them new", new.len()));
    }
    if gone > 0 {
        says.push_str(&format!(", {gone} gone"));
    }
    html! {
        <div class="rules written" data-scrolls="true">
            <section key={format!("{}-{name}", props.step_idx)} class="hook">
                <h3>{ says }<code>{ "iptables-save" }</code></h3>
                { for new.iter().map(|it| line(it, true)) }
                if !old.is_empty() {
                    <details open={new.is_empty()}>
                        <summary>{ format!("{} that were there before", counted(old.len())) }</summary>
                        { for old.iter().map(|it| line(it, false)) }
                    </details>
                }
            </section>
        </div>
    }
}

fn counted(n: usize) -> String {
    format!("{n} rule{}", if n == 1 { "" } else { "s" })
}

fn rules(world: &World, ns: NsId) -> Vec<Line> {
    let Some(netfilter) = &world.netns[ns].netfilter else { return Vec::new() };
    let mut table = String::new();
    let mut rules = Vec::new();
    for line in netfilter.tables.save(false).lines() {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
        } else if line.starts_with("-A ") {
            rules.push((table.clone(), line.to_owned()));
        }
    }
    rules
}

fn line((table, rule): &Line, is_new: bool) -> Html {
    let (chain, rule) = rule.trim_start_matches("-A ").split_once(' ').unwrap_or_default();
    html! {
        <div class={if is_new { "rule yes" } else { "rule no" }}>
            <span class="chain mono">{ format!("{table} {chain}") }</span>
            <code>{ rule.to_owned() }</code>
            <span class="says">{ if is_new { "new" } else { "" } }</span>
        </div>
    }
}
