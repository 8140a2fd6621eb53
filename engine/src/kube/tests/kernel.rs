//! The commands that operations print, run by a real kernel where this machine can make namespaces.

use std::fmt::Write as _;
use std::process::Command;

use super::{node, pod, read};
use crate::kube::compile;
use crate::link::Device;
use crate::stack::fib::RouteKind;
use crate::tool::apply;
use crate::world::World;

/// What `ip` shows of a namespace, in the order of the devices: `vbr0 0a:58:0a:f4:01:01 - 10.244.1.1/24`.
fn listed(world: &World) -> Vec<String> {
    let mut lines = Vec::new();
    for (_, ns) in world.netns.iter() {
        for &dev in &ns.devs {
            let device = &world.devices[dev];
            let master = device.port.map_or("-", |port| &world.devices[port.bridge].name);
            let addr = ns.addrs.iter().find(|a| a.dev == dev);
            let addr = addr.map_or("-".into(), |a| format!("{}/{}", a.local, a.prefix_len));
            let Device { name, mac, .. } = device;
            lines.push(format!("{} {name} {mac} {master} {addr}", ns.name));
        }
        for (_, route) in ns.fib.iter() {
            if let (RouteKind::Unicast, Some(via), Some(dev)) =
                (route.kind, route.via(), route.dev())
            {
                let dst = match route.dst.prefix_len() {
                    0 => "default".to_owned(),
                    _ => route.dst.to_string(),
                };
                lines.push(format!("{} {dst} via {via} {}", ns.name, world.devices[dev].name));
            }
        }
    }
    lines.sort();
    lines
}

/// The same from the kernel, or None where this machine cannot make namespaces.
fn listed_by_the_kernel(world: &World, commands: &str) -> Option<Vec<String>> {
    let mut script =
        format!("mount -t tmpfs none /run && mkdir /run/netns || exit 77\n{commands}\n");
    for (_, ns) in world.netns.iter() {
        let name = &ns.name;
        let _ = writeln!(
            script,
            r#"ip -n {name} -o link | sed -n 's/^[0-9]*: \([^:@]*\)[^:]*: .*/\1/p' | while read dev; do
  link=$(ip -n {name} -o link show dev $dev)
  mac=$(echo "$link" | sed -n 's/.*link\/[a-z]* \([0-9a-f:]*\) .*/\1/p')
  master=$(echo "$link" | sed -n 's/.* master \([^ ]*\) .*/\1/p')
  addr=$(ip -n {name} -4 -o addr show dev $dev | sed -n 's/.* inet \([^ ]*\) .*/\1/p')
  echo {name} $dev $mac ${{master:--}} ${{addr:--}}
done
ip -n {name} route | sed -n 's/^\([^ ]*\) via \([^ ]*\) dev \([^ ]*\) .*/{name} \1 via \2 \3/p'"#
        );
    }
    let unshared = Command::new("unshare").args(["-n", "-m", "sh", "-ec", &script]).output();
    let output = unshared.ok().filter(|output| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        output.status.code() != Some(77) && !stderr.contains("unshare failed")
    })?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<String> =
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    Some(lines)
}

#[test]
fn the_commands_build_in_a_kernel_what_the_engine_builds() {
    let text = node("n1", "")
        + &node("n2", "")
        + &pod("p", "", "")
        + &pod("q", "", "")
        + &pod("r", "", "");
    let (cluster, _) = read(&text).expect("two nodes");
    let items = compile(&cluster);
    let mut world = World::new(1);
    assert_eq!(apply(&mut world, &items), Ok(()));
    let commands: Vec<String> = items.iter().map(|item| item.op.to_string()).collect();
    match listed_by_the_kernel(&world, &commands.join("\n")) {
        Some(lines) => assert_eq!(lines, listed(&world)),
        None => eprintln!("SKIPPED: no namespaces here (it takes root and iproute2)"),
    }
}
