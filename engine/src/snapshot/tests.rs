//! Claims about what is read and what is refused, on a switch `sw` with the stations `a` and `b`.

use super::*;
use crate::base::Rng;
use crate::link::{DeviceKind, bridge::FdbEntry};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LO: &str = r#"{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","link_type":"loopback","address":"00:00:00:00:00:00","addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]}"#;

/// One end of a veth pair; `more` are further fields.
fn veth(index: u32, name: &str, mac: &str, peer: (u32, u32), more: &str) -> String {
    let (peer_index, nsid) = peer;
    format!(
        r#"{{"ifindex":{index},"link_index":{peer_index},"link_netnsid":{nsid},"ifname":"{name}","flags":["BROADCAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"noqueue","link_type":"ether","address":"{mac}","linkinfo":{{"info_kind":"veth"}},{more}"addr_info":[]}}"#
    )
}

fn station(files: &mut Files, name: &str, host: u8) {
    let end = veth(2, "eth0", &format!("02:00:0a:00:00:0{host}"), (u32::from(host) + 2, 0), "");
    let addr = format!(
        r#""addr_info":[{{"family":"inet","local":"10.0.0.{host}","prefixlen":24,"scope":"global"}}]"#
    );
    let end = end.replace(r#""addr_info":[]"#, &addr);
    let routes = format!(
        r#"[{{"dst":"10.0.0.0/24","dev":"eth0","scope":"link","prefsrc":"10.0.0.{host}","flags":[]}},
{{"type":"local","dst":"10.0.0.{host}","dev":"eth0","table":"local","scope":"host","prefsrc":"10.0.0.{host}","flags":[]}}]"#
    );
    let rules = r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]"#;
    let mut add = |file: &str, text: String| files.insert(format!("{name}/{file}"), text.into());
    add("addr.json", format!("[{LO},{end}]"));
    add("nsid.json", r#"[{"nsid":0,"name":"sw"}]"#.into());
    add("route.json", routes);
    add("rule.json", rules.into());
    add("sysctl.txt", "net.ipv4.conf.eth0.rp_filter = 0\nnet.ipv4.ip_forward = 0\n".into());
}

fn snapshot() -> Files {
    let mut files = Files::new();
    files.insert("meta.json".into(), r#"{"format":"everyhop-snapshot","version":1}"#.into());
    station(&mut files, "a", 1);
    station(&mut files, "b", 2);
    let port = |no: u32| format!(r#""master":"br0","port":{no},"#);
    let slave = |end: String, no: u32| {
        let data = format!(
            r#""info_kind":"veth","info_slave_data":{{"state":"forwarding","no":"0x{no}"}}"#
        );
        end.replace(r#""info_kind":"veth""#, &data)
    };
    let bridge = r#"{"ifindex":2,"ifname":"br0","flags":["BROADCAST","UP","LOWER_UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:ff","linkinfo":{"info_kind":"bridge","info_data":{"ageing_time":1000,"stp_state":0}},"addr_info":[]}"#;
    let p1 = slave(veth(3, "p1", "02:00:00:00:00:01", (2, 1), &port(1)), 1);
    let p2 = slave(veth(4, "p2", "02:00:00:00:00:02", (2, 2), &port(2)), 2);
    files.insert("sw/addr.json".into(), format!("[{LO},{bridge},{p1},{p2}]").into());
    let nsids = r#"[{"nsid":1,"name":"a"},{"nsid":2,"name":"b"}]"#;
    files.insert("sw/nsid.json".into(), nsids.into());
    files
}

const PING: &str =
    r#"[{"ping": {"netns": "a", "dst": "10.0.0.2", "id": 7, "seq": 1, "payload": "6162"}}]"#;

fn refused(file: &str, text: &str) -> String {
    let mut files = snapshot();
    files.insert(file.into(), text.into());
    match load(&files) {
        Ok(_) => panic!("{file} with {text:?} was accepted"),
        Err(problem) => problem.to_string(),
    }
}

/// The snapshot with `from` replaced by `to` in one file.
fn changed(file: &str, from: &str, to: &str) -> Files {
    let mut files = snapshot();
    let text = String::from_utf8(files[file].clone()).expect("text");
    assert!(text.contains(from), "{file} has no {from}");
    files.insert(file.into(), text.replace(from, to).into());
    files
}

fn refused_change(file: &str, from: &str, to: &str) -> String {
    let loaded = load(&changed(file, from, to));
    loaded.expect_err("this is not modelled").to_string()
}

#[test]
fn a_ping_crosses_the_bridge_of_a_snapshot() {
    let captures = replay(&snapshot(), PING.as_bytes(), b"").expect("all of it is modelled");
    let seen: Vec<String> =
        captures.iter().map(|it| format!("{}/{} {:?}", it.netns, it.dev, it.dir)).collect();
    assert_eq!(seen.len(), 17, "{seen:#?}");
    assert_eq!(seen[0], "a/eth0 Out");
    assert_eq!(seen[16], "a/eth0 In");
}

#[test]
fn the_world_is_what_the_files_say() {
    let world = load(&snapshot()).expect("all of it is modelled");
    let ns = world.find_netns("sw").expect("a directory of that name");
    let dev = |name| world.find_device(ns, name).expect("a device of that name");
    let DeviceKind::Bridge(bridge) = &world.devices[dev("br0")].kind else { panic!("a bridge") };
    assert_eq!(bridge.ports, [dev("p2"), dev("p1")], "the newest port is flooded first");
    assert_eq!(bridge.ageing, crate::base::Nanos::from_secs(10));
    let a = world.find_netns("a").expect("a directory of that name");
    let eth0 = world.find_device(a, "eth0").expect("a device of that name");
    assert_eq!(world.devices[dev("p1")].kind.peer(), Some(eth0));
}

#[test]
fn a_forwarding_table_is_taken_as_it_stands() {
    let mut files = snapshot();
    let fdb = r#"[{"mac":"33:33:00:00:00:01","ifname":"p1","flags":["self"],"state":"permanent"},
{"mac":"02:00:0a:00:00:01","ifname":"p1","flags":[],"master":"br0","state":""},
{"mac":"02:00:0a:00:00:07","ifname":"p2","flags":[],"master":"br0","state":"static"}]"#;
    files.insert("sw/fdb.json".into(), fdb.into());
    let mut world = load(&files).expect("all of it is modelled");
    let ns = world.find_netns("sw").expect("a directory of that name");
    let br0 = world.find_device(ns, "br0").expect("a device of that name");
    let p2 = world.find_device(ns, "p2").expect("a device of that name");
    let fdb = &world.bridge_mut(br0).expect("a bridge").fdb;
    assert_eq!(fdb.len(), 2, "the ports' own addresses are not in the file");
    assert_eq!(fdb[1], FdbEntry::Static { port: p2 });
}

#[test]
fn an_end_whose_peer_is_not_in_the_snapshot_leads_out_of_the_model() {
    let mut files = snapshot();
    files.retain(|path, _| !path.starts_with("b/"));
    let world = load(&files).expect("half a wire is no mistake");
    let ns = world.find_netns("sw").expect("a directory of that name");
    let p2 = world.find_device(ns, "p2").expect("a device of that name");
    assert!(matches!(world.devices[p2].kind, DeviceKind::Ethernet { peer: None }));
}

#[test]
fn a_namespace_without_a_name_there_is_found_from_the_other_side() {
    let files = changed("a/nsid.json", r#","name":"sw""#, "");
    let captures = replay(&files, PING.as_bytes(), b"").expect("all of it is modelled");
    assert_eq!(captures.len(), 17);
}

#[test]
fn a_peer_that_should_be_there_and_is_not_is_a_mistake() {
    assert_eq!(
        refused_change("a/addr.json", r#""link_index":3"#, r#""link_index":9"#),
        "a/addr.json:1:231: [1].link_index: the other end of \"eth0\" should be the device number 9 of sw, and \
         sw/addr.json has no such veth device"
    );
    assert_eq!(
        refused_change("b/addr.json", r#""link_index":4"#, r#""link_index":3"#),
        "b/addr.json:1:231: [1].link_index: b/eth0 and a/eth0 cannot both be the other end of sw/p1"
    );
}

#[test]
fn rules_and_sets_are_read_and_what_is_wrong_in_them_has_its_place() {
    let rules =
        "*filter\n:INPUT ACCEPT [0:0]\n[3:4] -A INPUT -m set --match-set web src -j DROP\nCOMMIT\n";
    let mut files = snapshot();
    files.insert("a/iptables.txt".into(), rules.into());
    files.insert("a/ipset.txt".into(), "create web hash:ip\nadd web 10.0.0.2\n".into());
    let world = load(&files).expect("it is understood");
    let a = world.find_netns("a").expect("it is there");
    let netfilter = world.netns[a].netfilter.as_ref().expect("it has rules");
    let saved = netfilter.tables.save(true);
    assert!(saved.contains("[3:4] -A INPUT -m set --match-set web src -j DROP\n"), "{saved}");
    for (file, text, expected) in [
        ("a/iptables.txt", rules, "3:7: web: there is no set of that name"),
        ("a/iptables.txt", "*filter\n-A INPUT -m u32 --u32 0=0\nCOMMIT\n", "2:13: u32: this match"),
        ("a/ipset.txt", "create web hash:ip\nadd web ten\n", "2:9: ten: expected an IPv4 address"),
    ] {
        let message = refused(file, text);
        assert!(message.starts_with(&format!("{file}:{expected}")), "{message}");
    }
}

#[test]
fn rules_for_ipv6_and_of_nftables_are_refused_with_their_place() {
    let message = refused("a/ip6tables.txt", "*filter\n:FORWARD DROP [0:0]\n");
    assert!(
        message.starts_with("a/ip6tables.txt:2:1: :FORWARD DROP: the policy DROP"),
        "{message}"
    );
    let nft = r#"{"nftables": [{"metainfo": {}}, {"rule": {"family": "ip", "table": "t", "chain": "c"}}]}"#;
    let message = refused("a/nft.json", nft);
    let expected = "a/nft.json: nftables[1].rule: rules of nftables (here in table ip t, chain c) are not modelled";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn a_table_that_iptables_made_is_read_from_its_own_file() {
    let mut files = snapshot();
    let rules = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n";
    files.insert("a/iptables.txt".into(), rules.into());
    let nft = r#"{"nftables": [{"rule": {"family": "ip", "table": "filter", "chain": "INPUT"}}]}"#;
    files.insert("a/nft.json".into(), nft.into());
    assert!(load(&files).is_ok());
}

#[test]
fn chains_that_only_accept_are_nothing_to_refuse() {
    let mut files = snapshot();
    let rules = "# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:KUBE - [0:0]\nCOMMIT\n";
    files.insert("a/iptables.txt".into(), rules.into());
    let nft = r#"{"nftables": [{"table": {"family": "ip", "name": "t"}}, {"chain": {"table": "t", "policy": "accept"}}]}"#;
    files.insert("a/nft.json".into(), nft.into());
    assert!(load(&files).is_ok());
}

#[test]
fn tracked_connections_are_kept_and_what_is_no_connection_is_refused() {
    let nat = "ipv4 2 udp 17 29 src=10.0.0.1 dst=10.96.0.10 sport=4 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=4 mark=0 use=1\n";
    let mut files = snapshot();
    files.insert("a/conntrack.txt".into(), nat.into());
    let world = load(&files).expect("it is understood");
    let a = world.find_netns("a").expect("it is there");
    let table = &world.netns[a].netfilter.as_ref().expect("it tracks").conntrack;
    let expected = "ipv4     2 udp      17 29 src=10.0.0.1 dst=10.96.0.10 sport=4 dport=53 src=10.0.0.2 dst=10.0.0.1 sport=5353 dport=4 mark=0 use=1";
    assert_eq!(crate::tool::conntrack::list(table, world.now()), [expected]);
    let message = refused("a/conntrack.txt", &nat.replace("mark=0", "helper=tftp"));
    assert!(message.contains("helper of a connection is not modelled"), "{message}");
    let message = refused("a/conntrack.txt", &nat.repeat(2));
    assert!(message.contains("another connection has the same tuple"), "{message}");
}

#[test]
fn what_is_not_modelled_is_refused_by_name() {
    let slave = r#""state":"forwarding""#;
    for (file, from, to, expected) in [
        ("a/addr.json", r#""info_kind":"veth""#, r#""info_kind":"vlan""#, "of the kind \"vlan\""),
        (
            "a/addr.json",
            "noqueue\",\"link_type\":\"ether",
            "netem\",\"link_type\":\"ether",
            "\"netem\"",
        ),
        ("sw/addr.json", r#""stp_state":0"#, r#""stp_state":1"#, "the spanning tree protocol"),
        ("sw/addr.json", r#""stp_state":0"#, r#""vlan_filtering":1"#, "VLAN filtering"),
        ("sw/addr.json", slave, r#""state":"blocking""#, "in the state \"blocking\""),
        ("sw/addr.json", slave, r#""neigh_suppress":true"#, "info_slave_data.neigh_suppress"),
        (
            "a/route.json",
            r#""dst":"10.0.0.0/24""#,
            r#""type":"multicast","dst":"10.0.0.0/24""#,
            "\"multicast\"",
        ),
        ("a/route.json", r#""dst":"10.0.0.0/24""#, r#""via":{},"dst":"10.0.0.0/24""#, "[0].via"),
        ("a/route.json", r#""dst":"10.0.0.0/24""#, r#""nhid":3,"dst":"10.0.0.0/24""#, "[0].nhid"),
        (
            "a/rule.json",
            r#""priority":32766"#,
            r#""uid_start":1,"priority":32766"#,
            "[1].uid_start: policy rules with this field",
        ),
        ("a/rule.json", r#","table":"main"},"#, r"},", "[1]: expected one of table, goto"),
        (
            "a/sysctl.txt",
            "rp_filter = 0",
            "bc_forwarding = 1",
            "1:1: net.ipv4.conf.eth0.bc_forwarding: this engine",
        ),
        ("a/sysctl.txt", "eth0.rp_filter = 0", "all.mc_forwarding = 1", "mc_forwarding"),
        ("a/sysctl.txt", "conf.eth0.rp_filter = 0", "neigh.eth0.ucast_solicit = 9", "were 3"),
    ] {
        let message = refused_change(file, from, to);
        assert!(message.starts_with(file) && message.contains(expected), "{to}: {message}");
    }
}

#[test]
fn half_a_snapshot_says_what_is_missing() {
    let without = |path: &str| {
        let mut files = snapshot();
        files.remove(path);
        load(&files).expect_err("half a snapshot").to_string()
    };
    assert_eq!(without("meta.json"), "meta.json: missing, so this is no snapshot");
    assert_eq!(without("a/addr.json"), "a/addr.json: missing, and every namespace needs it");
    let mut inner = Files::new();
    inner.insert("snapshot/meta.json".into(), b"{}".to_vec());
    assert_eq!(
        load(&inner).expect_err("one level too high").to_string(),
        "meta.json: missing; there is one in snapshot: is that the snapshot?"
    );
    let meta = |text: &str| refused("meta.json", text);
    assert_eq!(
        meta(r#"{"format":"x","version":1}"#),
        "meta.json: format: expected \"everyhop-snapshot\", found \"x\""
    );
    assert!(meta(r#"{"format":"everyhop-snapshot","version":2}"#).contains("reads version 1"));
    let message = refused("a/iptable.txt", "");
    assert!(
        message.starts_with("a/iptable.txt: no part of a snapshot; expected one of addr.json"),
        "{message}"
    );
}

#[test]
fn wrong_json_and_wrong_types_have_line_and_column() {
    assert_eq!(refused("a/addr.json", "[{"), "a/addr.json:1:2: EOF while parsing an object");
    assert_eq!(
        refused("a/route.json", "[\n{\"dst\": 7, \"flags\": []}]"),
        "a/route.json:2:9: [0]: invalid type: integer `7`, expected a string"
    );
    assert_eq!(
        load(&Files::from([("meta.json".to_owned(), vec![0xff, 0xfe])]))
            .expect_err("no text")
            .to_string(),
        "meta.json:1:1: expected UTF-8 text, found other bytes"
    );
    assert_eq!(
        refused_change("a/addr.json", r#""ifname":"eth0""#, r#""ifname":"lo""#),
        "a/addr.json:1:231: [1].ifname: there is a device named a/lo already"
    );
}

#[test]
fn a_listener_answers_and_a_program_known_only_to_listen_does_not() {
    let ask =
        br#"[{"udp": {"netns": "a", "sport": 40000, "dst": "10.0.0.2:53", "payload": "68"}}]"#;
    let frames = |sockets_txt: &str, sockets: &str| {
        let mut files = snapshot();
        files.insert("b/sockets.txt".into(), sockets_txt.into());
        let captures = replay(&files, ask, sockets.as_bytes()).expect("all of it is modelled");
        captures.iter().filter(|it| it.netns == "a" && it.dir == Direction::In).count()
    };
    let listens = "udp UNCONN 0      0      0.0.0.0:53 0.0.0.0:*\n";
    assert_eq!(frames("", ""), 2, "the ARP reply and a port unreachable");
    assert_eq!(frames(listens, ""), 1, "the ARP reply");
    assert_eq!(frames(listens, r#"[{"netns": "b", "udp": 53, "reply": "69"}]"#), 2);
}

#[test]
fn mistakes_in_stimuli_name_their_field() {
    let said = |stimuli: &str| {
        replay(&snapshot(), stimuli.as_bytes(), b"").expect_err("a mistake").to_string()
    };
    for (stimuli, expected) in [
        (r#"[{"tcp": {}}]"#, "stimuli.json:1:11: [0]: missing field `netns`"),
        (
            r#"[{"tcp": {"netns": "a", "sport": 40000, "dst": "[fd00::1]:80", "send": ""}}]"#,
            "stimuli.json:1:2: [0].tcp.dst: IPv6 is not modelled yet",
        ),
        (
            r#"[{"tcp": {"netns": "a", "sport": 40000, "dst": "10.0.0.2", "send": ""}}]"#,
            "stimuli.json:1:2: [0].tcp.dst: expected an address and a port such as 10.244.1.3:53, found \"10.0.0.2\"",
        ),
        (
            r"[{}, {}, 3]",
            "stimuli.json:1:10: [2]: invalid type: integer `3`, expected struct Stimulus",
        ),
        (
            r#"[{"wait_ms": 3}]"#,
            "stimuli.json:1:2: [0]: expected exactly one of send_frame, udp, ping and tcp",
        ),
        (
            r#"[{"pong": 3}]"#,
            "stimuli.json:1:8: [0]: unknown field `pong`, expected one of `send_frame`, `udp`, `ping`, `tcp`, `wait_ms`",
        ),
        (
            r#"[{"send_frame": {"netns": "a", "dev": "eth0", "frame": "0g"}}]"#,
            "stimuli.json:1:2: [0].send_frame.frame: expected bytes as pairs of hexadecimal digits",
        ),
        (
            r#"[{"send_frame": {"netns": "a", "dev": "eth1", "frame": ""}}]"#,
            "stimuli.json:1:2: [0].send_frame.dev: a has no device \"eth1\"",
        ),
        (
            r#"[{"ping": {"netns": "c", "dst": "10.0.0.2", "id": 7, "seq": 1}}]"#,
            "stimuli.json:1:2: [0].ping.netns: the snapshot has no namespace \"c\"",
        ),
        (
            r#"[{"ping": {"netns": "a", "dst": "10.0.0.2", "id": 7, "seq": 1}, "wait_ms": 999999999}]"#,
            "stimuli.json:1:2: [0].wait_ms: expected at most 86400000, a day",
        ),
    ] {
        assert_eq!(said(stimuli), expected);
    }
}

#[test]
fn what_a_stimulus_leads_to_and_is_not_modelled_ends_the_replay() {
    let sctp = "02000a00000202000a000001080045000028000040004084 26500a0000010a0000029c400050000000000000000050022000 00000000";
    let stimuli = format!(
        r#"[{{"send_frame": {{"netns": "a", "dev": "eth0", "frame": "{}"}}}}]"#,
        sctp.replace(' ', "")
    );
    let message = replay(&snapshot(), stimuli.as_bytes(), b"").expect_err("SCTP").to_string();
    assert_eq!(
        message,
        "stimuli.json:1:2: [0]: in b this leads to what is not modelled yet: an endpoint for IP protocol 132"
    );
}

#[test]
fn damaged_files_are_messages_and_never_panics() {
    let whole = snapshot();
    for seed in 0..3000 {
        let mut rng = Rng::new(seed);
        let mut below = |n: usize| rng.below(u32::try_from(n).expect("a small number")) as usize;
        let mut files = whole.clone();
        let (mut stimuli, mut name) = (PING.as_bytes().to_vec(), String::new());
        let at = below(files.len() + 1);
        let bytes = match files.iter_mut().nth(at) {
            Some((path, bytes)) => {
                name.clone_from(path);
                bytes
            }
            None => &mut stimuli,
        };
        match below(4) {
            0 => bytes.truncate(below(bytes.len())),
            1 => {
                let byte = below(bytes.len());
                bytes[byte] = b"0123456789{}[]\",:-ex\xff\n"[below(22)];
            }
            2 => {
                let from = below(bytes.len());
                let to = from + below((bytes.len() - from).min(40));
                bytes.drain(from..to);
            }
            _ => {
                let from = below(bytes.len());
                let again = bytes[from..].to_vec();
                bytes.extend(again);
            }
        }
        if let Err(problem) = replay(&files, &stimuli, b"") {
            assert!(!problem.message.is_empty(), "seed {seed}, {name}");
        }
    }
}
