//! Claims about operations: what they print, and what they make.

use super::*;
use crate::base::Table;
use crate::link::Conf;
use crate::world::World;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn end(netns: &str, dev: &str, mac: [u8; 6]) -> End {
    End { netns: netns.into(), dev: dev.into(), mac: Mac(mac) }
}

fn op(op: Op) -> Configured {
    Configured { op, origin: Some("Pod default/pod-1".into()) }
}

fn pod() -> Vec<Configured> {
    let netns = String::from("pod-1");
    vec![
        op(Op::AddNetns { netns: "node-1".into() }),
        op(Op::AddNetns { netns: netns.clone() }),
        op(Op::AddBridge { bridge: end("node-1", "vbr0", [2, 0, 0, 0, 0, 1]) }),
        op(Op::AddVeth {
            ends: [
                end("pod-1", "eth0", [2, 0, 0, 0, 0, 2]),
                end("node-1", "veth0", [2, 0, 0, 0, 0, 3]),
            ],
        }),
        op(Op::SetMaster {
            netns: "node-1".into(),
            port: "veth0".into(),
            bridge: "vbr0".into(),
            hairpin: false,
        }),
        op(Op::AddAddr {
            netns: netns.clone(),
            dev: "eth0".into(),
            addr: "10.244.1.2/24".parse().expect("a prefix"),
        }),
        op(Op::AddRoute {
            netns: netns.clone(),
            table: TableId::MAIN,
            dst: Ipv4Net::default(),
            way: Way::Via(Ipv4Addr::new(10, 244, 1, 1)),
        }),
        op(Op::Sysctl { netns: "node-1".into(), setting: Setting::IpForward(true) }),
        op(Op::Serve {
            netns,
            transport: Transport::Udp,
            port: 8080,
            answer: b"hello, you".to_vec(),
            owner: "container web".into(),
        }),
    ]
}

#[test]
fn a_tunnel_takes_its_mtu_from_below_and_prints_as_its_commands() {
    let mut world = World::new(1);
    let netns = String::from("node-1");
    let ops = [
        Op::AddNetns { netns: netns.clone() },
        Op::AddCable {
            ends: [
                end("node-1", "eth0", [2, 0, 0, 0, 0, 2]),
                end("node-1", "out", [2, 0, 0, 0, 0, 3]),
            ],
        },
        Op::AddVxlan {
            tunnel: end("node-1", "flannel.1", [2, 0, 0, 0, 0, 1]),
            vni: Vni::new(1).expect("24 bits"),
            local: Ipv4Addr::new(192, 0, 2, 11),
            underlay: "eth0".into(),
            port: 8472,
        },
        Op::AddRemote {
            netns: netns.clone(),
            dev: "flannel.1".into(),
            mac: Mac([2, 0, 0, 0, 0, 4]),
            remote: Ipv4Addr::new(192, 0, 2, 12),
        },
        Op::AddNeigh {
            netns,
            dev: "flannel.1".into(),
            ip: Ipv4Addr::new(10, 244, 2, 0),
            mac: Mac([2, 0, 0, 0, 0, 4]),
        },
    ];
    let text: Vec<String> = ops[2..].iter().map(Op::to_string).collect();
    assert_eq!(
        text.join("\n"),
        "ip -n node-1 link add flannel.1 address 02:00:00:00:00:01 type vxlan id 1 local 192.0.2.11 dev eth0 \
         dstport 8472 nolearning\n\
         ip -n node-1 link set flannel.1 up\n\
         bridge -n node-1 fdb append 02:00:00:00:00:04 dev flannel.1 dst 192.0.2.12\n\
         ip -n node-1 neigh replace 10.244.2.0 lladdr 02:00:00:00:00:04 dev flannel.1 nud permanent"
    );
    let ops = ops.map(op);
    apply(&mut world, &ops).expect("each has what it needs");
    let ns = world.find_netns("node-1").expect("it was made");
    let dev = world.find_device(ns, "flannel.1").expect("it was made");
    assert_eq!(world.devices[dev].mtu_bytes, 1450);
    let again = [ops[2].clone(), ops[3].clone()];
    let taken = apply(&mut world, &again).map_err(|(index, error)| (index, error.to_string()));
    assert_eq!(taken, Err((0, "there is a device named node-1/flannel.1 already".into())));
}

#[test]
fn every_operation_prints_the_commands_that_do_the_same() {
    let text: Vec<String> = pod().iter().map(|item| item.op.to_string()).collect();
    assert_eq!(
        text[1..].join("\n"),
        r#"ip netns add pod-1
ip netns exec pod-1 sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip -n pod-1 link set lo up
ip -n node-1 link add vbr0 address 02:00:00:00:00:01 type bridge
ip -n node-1 link set vbr0 up
ip -n pod-1 link add eth0 address 02:00:00:00:00:02 type veth peer name veth0 address 02:00:00:00:00:03 netns node-1
ip -n pod-1 link set eth0 up
ip -n node-1 link set veth0 up
ip -n node-1 link set veth0 master vbr0
ip -n pod-1 addr add 10.244.1.2/24 dev eth0
ip -n pod-1 route add default via 10.244.1.1
ip netns exec node-1 sysctl -qw net.ipv4.ip_forward=1
ip netns exec pod-1 socat UDP4-RECVFROM:8080,fork "SYSTEM:printf \\'hello\\\\054 you\\'" &"#
    );
}

#[test]
fn what_an_operation_makes_remembers_who_caused_it() {
    let mut world = World::new(1);
    assert_eq!(apply(&mut world, &pod()), Ok(()));
    let ns = world.find_netns("pod-1").expect("made");
    let eth0 = world.find_device(ns, "eth0").expect("made");
    let (_, route) =
        world.netns[ns].fib.iter().find(|(_, r)| r.dst.prefix_len() == 0).expect("a default route");
    let origins = [world.netns[ns].origin, world.devices[eth0].origin, route.origin];
    for origin in origins {
        assert_eq!(origin.map(|id| world.origin(id)), Some("Pod default/pod-1"));
    }
    let node = world.find_netns("node-1").expect("made");
    let forwards = |dev: crate::base::DevId| world.devices[dev].conf.get(Conf::Forwarding) == 1;
    let all_of = |ns: crate::base::NsId| world.netns[ns].devs.clone().into_iter().all(forwards);
    assert!(all_of(node) && !all_of(ns));
}

#[test]
fn an_operation_that_cannot_be_done_is_named_by_its_index() {
    let refused = |remove: usize| {
        let mut items = pod();
        items.remove(remove);
        let (index, error) = apply(&mut World::new(1), &items).expect_err("a part is missing");
        (index, error.to_string())
    };
    assert_eq!(refused(1), (2, "there is no network namespace named pod-1".into()));
    assert_eq!(refused(3), (3, "there is no device node-1/veth0".into()));
    assert_eq!(
        refused(5),
        (5, "the gateway 10.244.1.1 is on none of this namespace's links".into())
    );
    let mut twice = pod();
    twice.extend_from_within(1..2);
    let (index, error) = apply(&mut World::new(1), &twice).expect_err("the name is taken");
    assert_eq!(
        (index, error.to_string().as_str()),
        (9, "there is a network namespace named pod-1 already")
    );
}

fn rules(netns: &str, text: &str) -> Op {
    let rules = Ruleset {
        text: text.into(),
        lines: vec![0, 0, 1],
        origins: vec!["kube-proxy".into(), "Service default/api".into()],
    };
    Op::IptablesRestore { netns: netns.into(), rules: Arc::new(rules) }
}

#[test]
fn rules_print_as_what_iptables_restore_reads_and_each_has_its_own_origin() {
    let text = "*filter\n-A INPUT -p tcp -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n";
    let op_rules = rules("node-1", text);
    assert_eq!(
        op_rules.to_string(),
        "ip netns exec node-1 iptables-restore --noflush <<'END'\n".to_owned() + text + "END"
    );
    let mut other = op_rules.clone();
    if let Op::IptablesRestore { netns, .. } = &mut other {
        *netns = "pod-1".into();
    }
    let mut items = pod();
    items.extend([
        op(op_rules),
        op(other),
        op(rules("pod-1", "*nat\n-A INPUT -j ACCEPT\nCOMMIT\n")),
    ]);
    let mut world = World::new(1);
    assert_eq!(apply(&mut world, &items), Ok(()));
    for name in ["node-1", "pod-1"] {
        let ns = world.find_netns(name).expect("made");
        let netfilter = world.netns[ns].netfilter.as_ref().expect("rules");
        let origin = |index| {
            let (table, chain) = (Table::Filter, crate::base::Id::from_index(0));
            let rule = crate::trace::RuleRef { table, chain, index };
            netfilter.tables.rule_origin(rule).map(|id| world.origin(id))
        };
        assert_eq!([origin(0), origin(1)], [Some("kube-proxy"), Some("Service default/api")]);
        assert_eq!(netfilter.tables.has_chain(Table::Nat, "INPUT"), name == "pod-1");
    }
    let wrong = op(rules("node-1", "*filter\n-A INPUT -j NOWHERE\nCOMMIT\n"));
    let (_, error) = apply(&mut world, &[wrong]).expect_err("no such chain");
    assert!(error.to_string().starts_with("2:13: NOWHERE: "), "{error}");
}
