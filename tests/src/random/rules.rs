//! Random rule sets: chains, matches and targets of iptables, and the sets they ask.
//!
//! Written as iptables-restore takes them. What chooses at random (`statistic --mode random`, `--random-fully`) is left out: what two
//! machines choose cannot be compared packet by packet.

use std::net::Ipv4Addr;

use super::dice::Dice;
use super::plan::{BUILT_IN, IptablesRule, Item};

/// What rules may speak of.
pub(super) struct Scene<'a> {
    pub(super) netns: &'a str,
    pub(super) devices: &'a [String],
    /// Bridge ports.
    pub(super) ports: &'a [String],
    /// Addresses that are somebody's.
    pub(super) addrs: &'a [Ipv4Addr],
    pub(super) listening: &'a [u16],
    pub(super) sending: &'a [u16],
}

/// The names that are taken so far, and chance.
struct Maker<'a, 'd> {
    scene: &'a Scene<'a>,
    dice: &'d mut Dice,
    sets: Vec<(String, &'static str)>,
    items: Vec<Item>,
}

/// Where a rule stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    table: &'static str,
    /// The built-in chain from which it is reached.
    hook: &'a str,
    /// The chain it is in.
    chain: &'a str,
}

/// The rules of one namespace.
pub(super) fn make(scene: &Scene<'_>, dice: &mut Dice) -> Vec<Item> {
    let mut it = Maker { scene, dice, sets: Vec::new(), items: Vec::new() };
    it.sets();
    for _ in 0..it.dice.within(1..=3) {
        it.table();
    }
    it.items
}

impl Maker<'_, '_> {
    fn netns(&self) -> String {
        self.scene.netns.to_owned()
    }

    fn sets(&mut self) {
        for n in 0..self.dice.below(3) {
            let kind = *self.dice.pick(&[
                "hash:ip",
                "hash:net",
                "hash:ip,port",
                "hash:net,port",
                "hash:ip,port,ip",
                "hash:net,iface",
                "bitmap:port",
                "list:set",
            ]);
            let name = format!("set{n}");
            let inner: Vec<String> =
                self.sets.iter().filter(|it| it.1 != "list:set").map(|it| it.0.clone()).collect();
            if kind == "list:set" && inner.is_empty() {
                continue;
            }
            let options = match kind {
                "bitmap:port" => " range 0-65535",
                "list:set" => " size 8",
                _ => " family inet",
            };
            let text = format!("create {name} {kind}{options}");
            self.items.push(Item::Set { netns: self.netns(), name: name.clone(), text });
            for _ in 0..self.dice.within(1..=4) {
                let element = self.element(kind, &inner);
                let needs = if kind == "list:set" { Some(element.clone()) } else { None };
                self.items.push(Item::Element {
                    netns: self.netns(),
                    set: name.clone(),
                    element,
                    needs,
                });
            }
            self.sets.push((name, kind));
        }
    }

    fn element(&mut self, kind: &str, inner: &[String]) -> String {
        let ip = self.addr();
        let port = self.port();
        let protocol = *self.dice.pick(&["udp", "udp", "tcp"]);
        let net = self.net();
        match kind {
            "hash:net" => format!("{net}{}", if self.dice.chance(15) { " nomatch" } else { "" }),
            "hash:ip,port" => format!("{ip},{protocol}:{port}"),
            "hash:net,port" => format!("{net},{protocol}:{port}"),
            "hash:ip,port,ip" => format!("{ip},{protocol}:{port},{}", self.addr()),
            "hash:net,iface" => format!("{net},{}", self.device()),
            "bitmap:port" => port.to_string(),
            "list:set" => self.dice.pick(inner).clone(),
            _ => ip.to_string(),
        }
    }

    fn table(&mut self) {
        let &(table, hooks) = self.dice.pick(&[0, 1, 2, 2, 2, 3, 3, 3, 3].map(|it| BUILT_IN[it]));
        let hook = *self.dice.pick(hooks);
        if table != "nat" && self.dice.chance(10) {
            self.items.push(Item::Policy { netns: self.netns(), table, chain: hook.to_owned() });
        }
        let mut chains = Vec::new();
        for n in 0..self.dice.below(3) {
            let name = format!("{}-{n}", hook.to_ascii_lowercase());
            self.items.push(Item::Chain { netns: self.netns(), table, name: name.clone() });
            chains.push(name);
        }
        for (n, chain) in chains.iter().enumerate() {
            for _ in 0..self.dice.within(1..=3) {
                // Only to later chains, since iptables takes no loops.
                self.rule(Place { table, hook, chain }, &chains[n + 1..]);
            }
        }
        for _ in 0..self.dice.within(1..=4) {
            self.rule(Place { table, hook, chain: hook }, &chains);
        }
    }

    fn rule(&mut self, at: Place<'_>, chains: &[String]) {
        let mut words = Vec::new();
        let mut needs_chain = None;
        let target = if !chains.is_empty() && self.dice.chance(50) {
            let chain = self.dice.pick(chains).clone();
            let jump = if self.dice.chance(20) { "-g" } else { "-j" };
            needs_chain = Some(chain.clone());
            format!("{jump} {chain}")
        } else {
            self.target(at)
        };
        let needs_protocol = target.contains("tcp-reset");
        let takes_ports = target.contains(':') || target.contains("--to-ports");
        let protocol = if needs_protocol {
            Some("tcp")
        } else if takes_ports {
            Some(*self.dice.pick(&["udp", "udp", "tcp"]))
        } else if self.dice.chance(50) {
            Some(*self.dice.pick(&["udp", "udp", "icmp", "tcp"]))
        } else {
            None
        };
        if self.dice.chance(35) {
            words.push(self.address("-s"));
        }
        if self.dice.chance(35) {
            words.push(self.address("-d"));
        }
        if matches!(at.hook, "PREROUTING" | "INPUT" | "FORWARD") && self.dice.chance(20) {
            words.push(self.interface("-i"));
        }
        if matches!(at.hook, "FORWARD" | "OUTPUT" | "POSTROUTING") && self.dice.chance(20) {
            words.push(self.interface("-o"));
        }
        if let Some(protocol) = protocol {
            words.push(format!("-p {protocol}"));
            self.protocol(protocol, &mut words);
        } else if self.dice.chance(8) {
            words.push("! -p udp".to_owned());
        }
        let mut needs_set = None;
        for _ in 0..*self.dice.pick(&[0, 0, 1, 1, 2]) {
            let (text, set) = self.other(at);
            words.push(text);
            if set.is_some() {
                if needs_set.is_some() {
                    words.pop();
                } else {
                    needs_set = set;
                }
            }
        }
        words.push(target);
        let text = words.iter().filter(|it| !it.is_empty()).cloned().collect::<Vec<_>>().join(" ");
        let rule = IptablesRule {
            table: at.table,
            chain: at.chain.to_owned(),
            text,
            needs_chain,
            needs_set,
        };
        self.items.push(Item::Rule { netns: self.netns(), rule });
    }

    fn addr(&mut self) -> Ipv4Addr {
        if self.dice.chance(4) {
            Ipv4Addr::new(10, 77, 0, 1)
        } else {
            *self.dice.pick(self.scene.addrs)
        }
    }

    fn net(&mut self) -> String {
        let ip = self.addr();
        let len = *self.dice.pick(&[32_u8, 32, 31, 30, 24, 16]);
        let net = ipnet::Ipv4Net::new_assert(ip, len).trunc();
        net.to_string()
    }

    fn port(&mut self) -> u16 {
        let all = [self.scene.listening, self.scene.sending].concat();
        if self.dice.chance(90) { *self.dice.pick(&all) } else { self.dice.port(1..=65535) }
    }

    fn device(&mut self) -> String {
        self.dice.pick(self.scene.devices).clone()
    }

    fn not(&mut self) -> &'static str {
        if self.dice.chance(15) { "! " } else { "" }
    }

    fn address(&mut self, option: &str) -> String {
        let (not, net) = (self.not(), self.net());
        format!("{not}{option} {net}")
    }

    fn interface(&mut self, option: &str) -> String {
        let not = self.not();
        let mut name = self.device();
        if self.dice.chance(20) {
            name.pop();
            name.push('+');
        }
        format!("{not}{option} {name}")
    }

    fn protocol(&mut self, protocol: &str, words: &mut Vec<String>) {
        if self.dice.chance(40) {
            return;
        }
        let not = self.not();
        let port = self.port();
        let range = if self.dice.chance(25) {
            format!("{}:{port}", port.saturating_sub(20))
        } else {
            port.to_string()
        };
        words.push(match protocol {
            "icmp" => {
                let kind = *self.dice.pick(&["8", "0", "3", "3/3", "11", "any", "8/0", "3/1"]);
                format!("-m icmp {not}--icmp-type {kind}")
            }
            "tcp" if self.dice.chance(30) => {
                let flags = *self.dice.pick(&[
                    "SYN,RST,ACK SYN",
                    "FIN,SYN,RST,ACK SYN",
                    "RST RST",
                    "FIN FIN",
                    "ACK ACK",
                    "FIN,SYN,RST,PSH,ACK,URG NONE",
                ]);
                format!("-m tcp {not}--tcp-flags {flags}")
            }
            _ if self.dice.chance(25) => {
                let side = *self.dice.pick(&["--dports", "--sports", "--ports"]);
                let (a, b) = (self.port(), self.port());
                format!("-m multiport {not}{side} {a},{b}")
            }
            _ => {
                let side = *self.dice.pick(&["--dport", "--dport", "--sport"]);
                format!("-m {protocol} {not}{side} {range}")
            }
        });
    }

    /// A match of another kind, and the set it asks.
    fn other(&mut self, at: Place<'_>) -> (String, Option<String>) {
        let not = self.not();
        let text = match self.dice.below(19) {
            0..=3 => {
                let state = *self.dice.pick(&[
                    "NEW",
                    "ESTABLISHED",
                    "RELATED,ESTABLISHED",
                    "INVALID",
                    "NEW,UNTRACKED",
                    "UNTRACKED",
                    "DNAT",
                    "SNAT",
                    "NEW,DNAT",
                ]);
                format!("-m conntrack {not}--ctstate {state}")
            }
            4 => {
                let what = match self.dice.below(5) {
                    0 => format!("--ctdir {}", self.dice.pick(&["ORIGINAL", "REPLY"])),
                    1 => format!("{not}--ctorigdst {}", self.addr()),
                    2 => format!("{not}--ctreplsrc {}", self.addr()),
                    3 => format!(
                        "{not}--ctstatus {}",
                        self.dice.pick(&["CONFIRMED", "SEEN_REPLY", "ASSURED", "NONE"])
                    ),
                    _ => format!("{not}--ctproto {}", self.dice.pick(&["17", "1", "6"])),
                };
                format!("-m conntrack {what}")
            }
            5 => format!("-m mark {not}--mark {}", self.mark()),
            6 => format!("-m connmark {not}--mark {}", self.mark()),
            7..=8 => {
                let side = *self.dice.pick(&["--dst-type", "--src-type"]);
                let kind = *self.dice.pick(&["LOCAL", "LOCAL", "UNICAST", "BROADCAST"]);
                let limit = match at.hook {
                    "PREROUTING" | "INPUT" if self.dice.chance(15) => " --limit-iface-in",
                    _ => "",
                };
                format!("-m addrtype {not}{side} {kind}{limit}")
            }
            9 => "-m comment --comment \"a remark, with words\"".to_owned(),
            10 => {
                let every = self.dice.within(2..=3);
                format!(
                    "-m statistic --mode nth --every {every} --packet {}",
                    self.dice.below(every)
                )
            }
            11..=12 if !self.sets.is_empty() => {
                let (name, kind) = self.dice.pick(&self.sets).clone();
                let n = kind.split(',').count();
                let sides: Vec<&str> = (0..n).map(|_| *self.dice.pick(&["src", "dst"])).collect();
                let sides = if kind.ends_with("iface") {
                    // An interface is asked for where there is one of that side.
                    let (ip, dev) = match at.hook {
                        "PREROUTING" | "INPUT" => ("src", "src"),
                        _ => ("dst", "dst"),
                    };
                    format!("{ip},{dev}")
                } else if kind == "list:set" {
                    "src,dst".to_owned()
                } else {
                    sides.join(",")
                };
                return (format!("-m set {not}--match-set {name} {sides}"), Some(name));
            }
            13 => {
                let side = *self.dice.pick(&["--src-range", "--dst-range"]);
                let ip = self.addr();
                let last = Ipv4Addr::from(u32::from(ip) | 3);
                format!("-m iprange {not}{side} {ip}-{last}")
            }
            14 => format!("-m limit --limit 1/hour --limit-burst {}", self.dice.within(1..=3)),
            15 if !self.scene.ports.is_empty() && at.hook != "OUTPUT" => {
                let port = self.dice.pick(self.scene.ports).clone();
                match (at.hook, self.dice.below(3)) {
                    ("FORWARD" | "POSTROUTING", 0) => {
                        format!("-m physdev {not}--physdev-is-bridged")
                    }
                    ("FORWARD" | "POSTROUTING", 1) => {
                        format!("-m physdev {not}--physdev-out {port} --physdev-is-bridged")
                    }
                    _ => format!("-m physdev {not}--physdev-in {port}"),
                }
            }
            16 if at.hook == "PREROUTING" && matches!(at.table, "raw" | "mangle") => {
                let options = *self.dice.pick(&[
                    "",
                    " --loose",
                    " --invert",
                    " --validmark",
                    " --accept-local",
                ]);
                format!("-m rpfilter{options}")
            }
            17 => {
                let from = self.dice.below(100);
                format!("-m length {not}--length {from}:{}", from + *self.dice.pick(&[0, 40, 400]))
            }
            18 => match self.dice.below(3) {
                0 if matches!(at.hook, "OUTPUT" | "POSTROUTING") => {
                    let what = *self.dice.pick(&[
                        "--uid-owner 0",
                        "--gid-owner 0",
                        "--socket-exists",
                        "--uid-owner 7",
                    ]);
                    format!("-m owner {not}{what}")
                }
                1 => {
                    let what = *self.dice.pick(&["--set", "--rcheck", "--update"]);
                    format!("-m recent {not}{what} --name seen --mask 255.255.255.255 --rsource")
                }
                _ => {
                    let option = *self.dice.pick(&["--ttl-eq 64", "--ttl-lt 64", "--ttl-gt 2"]);
                    format!("-m ttl {option}")
                }
            },
            _ => String::new(),
        };
        (text, None)
    }

    fn mark(&mut self) -> &'static str {
        self.dice.pick::<&str>(&["0x1", "0x2", "0x4000/0x4000", "0x0", "0x3/0x1"])
    }

    fn target(&mut self, at: Place<'_>) -> String {
        if self.dice.chance(12) {
            return String::new();
        }
        match at.table {
            "raw" => (*self.dice.pick(&[
                "-j ACCEPT",
                "-j DROP",
                "-j RETURN",
                "-j CT --notrack",
                "-j CT --notrack",
                "-j CT --zone 5",
                "-j MARK --set-xmark 0x1/0xffffffff",
            ]))
            .to_owned(),
            "mangle" => (*self.dice.pick(&[
                "-j ACCEPT",
                "-j DROP",
                "-j RETURN",
                "-j MARK --set-xmark 0x1/0xffffffff",
                "-j MARK --set-xmark 0x4000/0x4000",
                "-j MARK --set-xmark 0x2/0x2",
                "-j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff",
                "-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff",
                "-j CONNMARK --set-xmark 0x2/0xffffffff",
            ]))
            .to_owned(),
            "nat" => self.nat_target(at.hook),
            _ => match self.dice.below(8) {
                0..=1 => "-j ACCEPT".to_owned(),
                2..=3 => "-j DROP".to_owned(),
                4 => "-j RETURN".to_owned(),
                _ => {
                    let with = *self.dice.pick(&[
                        "icmp-net-unreachable",
                        "icmp-host-unreachable",
                        "icmp-port-unreachable",
                        "icmp-port-unreachable",
                        "icmp-proto-unreachable",
                        "icmp-net-prohibited",
                        "icmp-host-prohibited",
                        "icmp-admin-prohibited",
                        "tcp-reset",
                    ]);
                    format!("-j REJECT --reject-with {with}")
                }
            },
        }
    }

    fn nat_target(&mut self, hook: &str) -> String {
        let (ip, port) = (self.addr(), self.port());
        let port = if self.dice.chance(50) { format!(":{port}") } else { String::new() };
        match (hook, self.dice.below(8)) {
            (_, 0) => "-j ACCEPT".to_owned(),
            (_, 1) => "-j RETURN".to_owned(),
            ("PREROUTING" | "OUTPUT", 2..=5) => format!("-j DNAT --to-destination {ip}{port}"),
            ("PREROUTING" | "OUTPUT", 6) => {
                let to = *self.dice.pick(self.scene.listening);
                format!("-j REDIRECT --to-ports {to}")
            }
            ("PREROUTING" | "OUTPUT", _) => format!("-j NETMAP --to {}", self.netmap()),
            ("POSTROUTING", 2..=4) => "-j MASQUERADE".to_owned(),
            ("POSTROUTING", 5) => format!("-j NETMAP --to {}", self.netmap()),
            _ => format!("-j SNAT --to-source {ip}{port}"),
        }
    }

    fn netmap(&mut self) -> String {
        let ip = self.addr();
        ipnet::Ipv4Net::new_assert(ip, 24).trunc().to_string()
    }
}
